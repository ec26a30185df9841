import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createVirtualClock } from '../../../src/simulator/clock.ts';
import type { ConfigMap, Pod } from '../../../src/simulator/kubernetes/objects.ts';
import { AlreadyExists, createStore } from '../../../src/simulator/kubernetes/store.ts';
import { createRandom } from '../../../src/simulator/random.ts';

function newStore(historyLength?: number) {
  const clock = createVirtualClock(Date.UTC(2026, 0, 5));
  return createStore(clock, createRandom(1), historyLength === undefined ? {} : { historyLength });
}

function map(name: string, data: Record<string, string> = {}) {
  return { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name, namespace: 'a' }, data };
}

function pod(name: string, nodeName?: string) {
  const spec = { containers: [{ name: 'main' }], ...(nodeName ? { nodeName } : {}) };
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name, namespace: 'a' },
    spec,
    status: { phase: 'Pending' as const },
  };
}

test('one version over all resources; a change that changes nothing is none', () => {
  const store = newStore();
  const first = store.create<ConfigMap>('configmaps', map('one', { a: '1' }));
  const second = store.create<Pod>('pods', pod('p'));
  assert.deepEqual([first.metadata.resourceVersion, second.metadata.resourceVersion], ['1', '2']);
  const same = store.update<ConfigMap>('configmaps', 'a', 'one', (draft) => {
    draft.data = { a: '1' };
  });
  assert.equal(same, first);
  assert.equal(store.version(), 2);
});

test('what comes out never changes, and equal parts are shared between versions', () => {
  const store = newStore();
  const before = store.create<Pod>('pods', pod('p'));
  const after = store.update<Pod>('pods', 'a', 'p', ({ status }) => {
    status.phase = 'Running';
  });
  assert.equal(before.status.phase, 'Pending');
  assert.equal(after?.status.phase, 'Running');
  assert.equal(after?.spec, before.spec);
  assert.throws(() => {
    before.status.phase = 'Failed';
  }, TypeError);
});

test('generation counts changes of the spec and the beginning of a deletion, not binding or status', () => {
  const store = newStore();
  const generation = (): number | undefined => store.get<Pod>('pods', 'a', 'p')?.metadata.generation;
  store.create<Pod>('pods', pod('p'));
  store.update<Pod>('pods', 'a', 'p', ({ spec }) => {
    spec.nodeName = 'n';
  });
  store.update<Pod>('pods', 'a', 'p', ({ status }) => {
    status.phase = 'Running';
  });
  assert.equal(generation(), 1);
  store.update<Pod>('pods', 'a', 'p', ({ spec }) => {
    spec.priority = 1;
  });
  assert.equal(generation(), 2);
  store.update<Pod>('pods', 'a', 'p', ({ metadata }) => {
    metadata.deletionTimestamp = '2026-01-05T00:00:30Z';
  });
  store.update<Pod>('pods', 'a', 'p', ({ metadata }) => {
    metadata.deletionTimestamp = '2026-01-05T00:00:10Z';
  });
  assert.equal(generation(), 3);
});

test('names are unique, and a name is given again with another uid', () => {
  const store = newStore();
  const first = store.create('configmaps', map('one'));
  assert.throws(() => store.create('configmaps', map('one')), AlreadyExists);
  store.remove('configmaps', 'a', 'one');
  assert.notEqual(store.create('configmaps', map('one')).metadata.uid, first.metadata.uid);
});

test('pods are found by node, and by owner', () => {
  const store = newStore();
  const owner = store.create('configmaps', map('owner'));
  const { apiVersion, kind, metadata } = owner;
  const { name, uid } = metadata;
  const owned = pod('p', 'n1');
  store.create<Pod>('pods', {
    ...owned,
    metadata: { ...owned.metadata, ownerReferences: [{ apiVersion, kind, name, uid }] },
  });
  store.create<Pod>('pods', pod('q', 'n2'));
  assert.deepEqual(
    store.podsOnNode('n1').map((each) => each.metadata.name),
    ['p'],
  );
  assert.deepEqual(
    store.ownedBy(uid).map((each) => each.metadata.name),
    ['p'],
  );
  store.remove('pods', 'a', 'p');
  assert.deepEqual([store.podsOnNode('n1'), store.ownedBy(uid)], [[], []]);
});

test('everybody hears changes in one order, those that a listener makes included', () => {
  const store = newStore();
  const heard: string[] = [];
  store.subscribe('configmaps', ({ object }) => {
    if (object.metadata.name === 'one') store.create('configmaps', map('two'));
  });
  store.subscribe('configmaps', ({ type, object }) => heard.push(`${type} ${object.metadata.name}`));
  store.create('configmaps', map('one'));
  assert.deepEqual(heard, ['ADDED one', 'ADDED two']);
});

test('a listener that is taken back hears nothing more', () => {
  const store = newStore();
  let count = 0;
  const stop = store.subscribe('configmaps', () => {
    count += 1;
  });
  store.create('configmaps', map('one'));
  stop();
  store.create('configmaps', map('two'));
  assert.equal(count, 1);
});

test('history goes back so far, and no farther', () => {
  const store = newStore(3);
  for (const name of ['a', 'b', 'c', 'd', 'e']) store.create('configmaps', map(name));
  assert.deepEqual(
    store.changesSince('configmaps', 3)?.map(({ object }) => object.metadata.name),
    ['d', 'e'],
  );
  assert.equal(store.changesSince('configmaps', 2)?.length, 3);
  assert.equal(store.changesSince('configmaps', 1), undefined);
  store.compact();
  assert.equal(store.changesSince('configmaps', 4), undefined);
  assert.deepEqual(store.changesSince('configmaps', 5), []);
});

test('sorted gives the order of keys, also for what came and went after it was asked for', () => {
  const store = newStore();
  const names = (): string[] =>
    [...store.sorted('configmaps')].map(({ metadata }) => `${metadata.namespace}/${metadata.name}`);
  for (const name of ['c', 'a']) store.create('configmaps', map(name));
  assert.deepEqual(names(), ['a/a', 'a/c']);
  store.create('configmaps', map('b'));
  store.remove('configmaps', 'a', 'a');
  const other = map('z');
  store.create('configmaps', { ...other, metadata: { ...other.metadata, namespace: 'a-b' } });
  assert.deepEqual(names(), ['a-b/z', 'a/b', 'a/c'], 'a-b/ comes before a/');
});

test('sorted begins at a key', () => {
  const store = newStore();
  for (const [namespace, name] of [
    ['a', 'x'],
    ['a', 'y'],
    ['a-b', 'z'],
    ['b', 'x'],
  ] as const) {
    const object = map(name);
    store.create('configmaps', { ...object, metadata: { name, namespace } });
  }
  const from = (key: string, namespace?: string): string[] =>
    [...store.sorted('configmaps', namespace, key)].map(({ metadata }) => `${metadata.namespace}/${metadata.name}`);
  assert.deepEqual(from(''), ['a-b/z', 'a/x', 'a/y', 'b/x']);
  assert.deepEqual(from('a/x\u0000'), ['a/y', 'b/x']);
  assert.deepEqual(from('a-b/zz'), ['a/x', 'a/y', 'b/x']);
  assert.deepEqual(from('y', 'a'), ['a/y']);
  assert.deepEqual(from('c/'), []);
});

test('the same seed and the same calls give the same uids', () => {
  const [one, other] = [newStore(), newStore()].map((store) => store.create('configmaps', map('x')));
  assert.deepEqual(one, other);
  assert.match(one?.metadata.uid ?? '', /^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
});
