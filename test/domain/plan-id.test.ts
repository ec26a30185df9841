/** plan.json as somebody else may hand it over: of another version, damaged, or made to do harm. Its id is always right. */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import { plainJson } from '../../src/domain/canonical-json.ts';
import { MigrateError } from '../../src/domain/migrate-error.ts';
import { parsePlan, planIdOf, renderPlan } from '../../src/domain/plan-id.ts';
import { samplePlan } from '../support/sample-plan.ts';

type Json = Record<string, unknown>;

const good = samplePlan();

/** The text of the plan with a change, as its maker would have written and signed it. */
function signed(change: (plan: Json) => void): string {
  const copy: Json = JSON.parse(renderPlan(good));
  change(copy);
  return `${plainJson({ ...copy, planId: planIdOf(copy) }, 2)}\n`;
}

/** Member `path` of the plan: `steps.0.params` */
function at(plan: Json, path: string): Json {
  let value: unknown = plan;
  for (const key of path.split('.')) {
    const members: Map<string, unknown> = new Map(Object.entries(Object(value)));
    value = members.get(key);
  }
  assert.ok(typeof value === 'object' && value !== null, path);
  return Object.assign(value);
}

const set =
  (path: string, value: unknown) =>
  (plan: Json): void => {
    const [key = '', ...parents] = path.split('.').toReversed();
    const parent = parents.length === 0 ? plan : at(plan, parents.toReversed().join('.'));
    parent[key] = value;
  };

const refusal = (text: string): MigrateError => {
  try {
    parsePlan(text, 'plans/prod');
  } catch (error) {
    assert.ok(error instanceof MigrateError, String(error));
    assert.equal(error.exitCode, 2);
    return error;
  }
  throw new assert.AssertionError({ message: 'it was read' });
};

const newer = (change: (plan: Json) => void): string =>
  signed((plan) => {
    plan['toolVersion'] = '0.9.0';
    change(plan);
  });

/** Its number in the plan. */
const step = (kind: string): number => good.steps.findIndex((one) => one.kind === kind);

test('the sample itself is a plan', () => assert.equal(parsePlan(signed(() => undefined)).cluster.name, 'prod'));

describe('of another version', () => {
  for (const [name, text, unknown] of [
    ['a kind of step', newer(set('steps.0.kind', 'migrate-webhooks')), /kind of step "migrate-webhooks"/],
    ['a phase', newer(set('steps.0.phase', 'rehearse')), /phase "rehearse"/],
    ['an order', newer(set('order.order', 'blue-green')), /order "blue-green"/],
    ['a parameter', newer(set('steps.0.params.region', 'x')), /parameter "region" of step "configure-vpc-cni"/],
    ['a format', newer(set('formatVersion', 2)), /format 2.*reads format 1/],
    ['an older format', newer(set('formatVersion', 0)), /format 0.*reads format 1/],
  ] as const) {
    test(`${name} that is not known: the version that knows it is named`, () => {
      const { code, message, why, nextActions } = refusal(text);
      assert.equal(code, 'PLAN.VERSION');
      assert.match(message, unknown);
      assert.match(why, /prefix-migrate 0\.9\.0/);
      assert.equal(nextActions[0], 'npx prefix-migrate@0.9.0 apply plans/prod');
    });
  }
  test('with nothing unknown in it is read', () =>
    assert.equal(parsePlan(newer(() => undefined)).toolVersion, '0.9.0'));
  test('what is no version never comes into a command', () => {
    const { nextActions } = refusal(
      signed((plan) => Object.assign(plan, { formatVersion: 2, toolVersion: '1; rm -rf ~' })),
    );
    assert.equal(nextActions[0], 'npx prefix-migrate@VERSION apply plans/prod');
  });
  test('more fields beside those that are known are fine', () =>
    assert.equal(parsePlan(signed(set('forecast.note', 'x'))).planId.length, 64));
});

describe('damaged', () => {
  for (const [name, change, why] of [
    ['text for a number', set('steps.0.params.env', 'x'), /steps\[0\]\.params\.env is text/],
    ['no name of a node group', set('nodegroups.0.source', 'a$(reboot)'), /nodegroups\[0\]\.source/],
    ['no name of a cluster', set('cluster.name', '-x; reboot'), /cluster\.name/],
    ['no region', set('cluster.region', 'eu`x`'), /cluster\.region/],
    ['a path out of the folder', set('nodegroups.0.userDataFile', 'user-data/../../x'), /userDataFile/],
    ['no time', set('expiresAt', 'tomorrow'), /expiresAt/],
    ['no version', set('toolVersion', '1; reboot'), /toolVersion/],
    ['a wait for ever', set(`steps.${step('soak')}.params.seconds`, 1e300), /seconds/],
    ['fewer than no nodes', set('nodegroups.0.nodes.source', -1), /nodes\.source/],
    ['no list', set('findings', {}), /findings is an object/],
    ['no step', set('steps.0', null), /steps\[0\] is null/],
    ['a deletion that calls itself additive', set(`steps.${step('delete-source')}.impact`, 'additive'), /impact/],
    ['a step of a rollback', set(`steps.${step('cordon-source')}.kind`, 'uncordon-source'), /rollback/],
    ['another cluster in a step', set(`steps.${step('delete-source')}.params.clusterName`, 'prod-2'), /clusterName/],
    ['two steps of one id', set('steps.1.id', 'configure-vpc-cni'), /same id/],
    ['an id of a rollback', set('steps.0.id', 'undo/configure-vpc-cni'), /steps\[0\]\.id/],
    ['a step that waits for nobody', set('steps.0.dependsOn', ['nothing']), /not there/],
    ['a step that waits for itself', set('steps.0.dependsOn', ['configure-vpc-cni']), /wait for each other/],
    ['a step that waits for a later phase', set('steps.0.dependsOn', ['soak']), /later phase/],
  ] as const) {
    test(name, () => {
      const error = refusal(signed(change));
      assert.equal(error.code, 'PLAN.DAMAGED');
      assert.match(error.why, why);
    });
  }
  test('a member named __proto__', () => {
    const text = renderPlan(good).replace('"labels": {}', '"labels": { "__proto__": "x" }');
    assert.equal(refusal(text).code, 'PLAN.DAMAGED');
  });
  test('nested without end', () => {
    const deep = `${'{"a":'.repeat(100_000)}1${'}'.repeat(100_000)}`;
    assert.equal(refusal(deep).code, 'PLAN.DAMAGED');
    assert.equal(refusal('['.repeat(1_000_000)).code, 'PLAN.DAMAGED');
    assert.equal(refusal(renderPlan(good).replace('"data": {}', `"data": {"a": ${deep}}`)).code, 'PLAN.DAMAGED');
  });
  test('anything anywhere: refused, or a plan; never a crash', () => {
    const paths = [...leavesOf(JSON.parse(renderPlan(good)))];
    fc.assert(
      fc.property(fc.constantFrom(...paths), fc.jsonValue({ maxDepth: 2 }), (path, value) => {
        const text = signed(set(path, value));
        try {
          assert.equal(parsePlan(text).formatVersion, 1);
        } catch (error) {
          assert.ok(error instanceof MigrateError && /^PLAN\.(DAMAGED|VERSION)$/.test(error.code), String(error));
        }
      }),
      { numRuns: 300 },
    );
  });
});

/** Paths of everything in it. */
function* leavesOf(value: unknown, path = ''): Generator<string> {
  if (path !== '') yield path;
  if (typeof value !== 'object' || value === null) return;
  for (const [key, inner] of Object.entries(value)) yield* leavesOf(inner, path === '' ? key : `${path}.${key}`);
}
