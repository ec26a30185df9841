import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { Forecast, ForecastGroup, NodegroupPlan, RehearsalSummary } from '../../src/domain/plan.ts';
import { drainChart, drainTable } from '../../src/reporting/formats/drain-chart.ts';
import { capacityWords, drainSentence, rehearsalSentence } from '../../src/reporting/formats/plan-words.ts';
import { aGroup, samplePlan } from './sample.ts';

const forecastOf = (groups: ForecastGroup[], told: Partial<Forecast> = {}): Forecast => ({
  lowerBoundSeconds: 270,
  expectedSeconds: groups[0]?.expectedSeconds ?? 0,
  criticalWorkload: groups.find(({ expectedSeconds }) => expectedSeconds !== null)?.name ?? null,
  limitedBy: 'budget',
  groups,
  groupsLeftOut: 0,
  ...told,
});
const search = aGroup({
  name: 'shop/search',
  pods: 12,
  atOnce: 2,
  cycleSeconds: 45,
  expectedSeconds: 276,
  savedByOneMoreReplicaSeconds: 90,
});
const never = aGroup({ name: 'shop/cart', atOnce: 0, lowerBoundSeconds: null, expectedSeconds: null });

describe('what decides, and what would shorten it', () => {
  const rows: [string, Forecast, string][] = [
    [
      'one more replica helps',
      forecastOf([search, aGroup({ name: 'shop/api', expectedSeconds: 100 })]),
      'shop/search decides: 12 pods, 2 at once, 45s each. One more replica of shop/search saves 1m30s.',
    ],
    [
      'no more than the next group leaves',
      forecastOf([search, aGroup({ name: 'shop/api', expectedSeconds: 246 })]),
      'One more replica of shop/search saves 30s; then shop/api decides.',
    ],
    [
      'two of the same length',
      forecastOf([search, { ...search, name: 'shop/api' }]),
      'One more replica of shop/search saves nothing by itself: shop/api takes as long.',
    ],
    [
      'only a wider budget helps',
      forecastOf([{ ...search, savedByOneMoreReplicaSeconds: 0, savedByOneMoreAtOnceSeconds: 90 }]),
      'A budget shop/search that lets 3 go at once saves 1m30s.',
    ],
    [
      'workloads of one pod',
      forecastOf([aGroup({ name: 'tools/*', kind: 'singletons', pods: 8, expectedSeconds: 248 })]),
      'tools/* decides: 8 pods, one after the other, 30s each.',
    ],
    [
      'a long end',
      forecastOf([{ ...search, terminationSeconds: 1800, graceSeconds: 3600 }], { limitedBy: 'termination' }),
      'shop/search decides: 12 pods, which may take up to 1h to end.',
    ],
    ['very many pods', forecastOf([search], { limitedBy: 'rate' }), 'The number of pods decides: only so many are'],
    [
      'some never end',
      forecastOf([never, search]),
      'shop/cart can never move, as budgets are now. shop/search decides:',
    ],
    [
      'workloads of one pod, one of which may take long to end',
      forecastOf([aGroup({ name: 'tools/*', kind: 'singletons', pods: 8, graceSeconds: 3600 })], {
        limitedBy: 'termination',
      }),
      'tools/* decides: 8 pods, one after the other, the last of which may take up to 1h to end.',
    ],
    [
      'so many never end that what decides is left out',
      forecastOf([never], { criticalWorkload: 'shop/search' }),
      'shop/cart can never move, as budgets are now. shop/search takes longest.',
    ],
    ['none ever ends', forecastOf([never]), 'shop/cart can never move, as budgets are now.'],
  ];
  for (const [name, forecast, said] of rows) {
    test(name, () => assert.ok(drainSentence(forecast).includes(said), drainSentence(forecast)));
  }
  test('nothing to move: nothing said', () => assert.equal(drainSentence(forecastOf([])), ''));
});

test('the chart: longest first, what decides is marked, waits are dots, never has no bar', () => {
  const late = aGroup({ name: 'shop/api', startSeconds: 138, expectedSeconds: 276 });
  assert.deepEqual(drainChart(forecastOf([never, search, late, aGroup({ name: 'a', expectedSeconds: 3 })]), 6), [
    '    DRAIN (ESTIMATE)  PODS  AT ONCE',
    '    shop/cart            4        0                        never',
    '  * shop/search         12        2  ####################  4m36s',
    '    shop/api             4        1  ..........==========  4m36s',
    '    a                    4        1  =                        3s',
  ]);
});

test('of many groups some are drawn and the others counted, in 80 columns whatever the names', () => {
  const groups = Array.from({ length: 30 }, (_, index) =>
    aGroup({
      name: `namespace-of-a-team/workload-with-a-long-name-${index}`,
      pods: 12_345,
      expectedSeconds: 9000 - index,
    }),
  );
  const lines = drainChart(forecastOf(groups, { groupsLeftOut: 12 }), 6);
  assert.equal(lines.length, 1 + 6 + 1);
  assert.equal(lines.at(-1), '    and 36 groups more, none longer than 2 h 30 min');
  assert.deepEqual(
    lines.filter((line) => line.length > 80),
    [],
  );
});

test('one group needs no chart', () => assert.deepEqual(drainChart(forecastOf([search]), 6), []));

test('the table of the report has a bar for each group and nothing from outside as markup', () => {
  const { markup } = drainTable(forecastOf([search, aGroup({ name: '<b>', expectedSeconds: 138, startSeconds: 69 })]));
  assert.match(markup, /shop\/search \(decides\)/);
  assert.match(markup, /<rect class="short" x="0\.0" width="100\.0"/);
  assert.match(markup, /<rect class="taken" x="25\.0" width="25\.0"/);
  assert.ok(!markup.includes('<b>'));
});

test('what the API server said beforehand', () => {
  const rows: [RehearsalSummary, string][] = [
    [
      { pods: 57, asked: 57, accepted: 55, refused: 2, partBecause: null },
      'Asked the API server about 57 evictions (dry run): 55 allowed now, 2 refused (see the findings).',
    ],
    [
      { pods: 28, asked: 28, accepted: 22, refused: 4, unanswered: 2, partBecause: null },
      'Asked the API server about 28 evictions (dry run): 22 allowed now, 4 refused, 2 without an answer (see the findings).',
    ],
    [
      { pods: 9, asked: 4, accepted: 4, refused: 0, partBecause: 'it asked to slow down.' },
      'Asked the API server about 4 evictions (dry run): 4 allowed now. Not about the other 5: it asked to slow down.',
    ],
    [
      { pods: 9, asked: 0, accepted: 0, refused: 0, partBecause: 'you may not create pods/eviction.' },
      'The API server was not asked about evictions: you may not create pods/eviction.',
    ],
    [{ pods: 0, asked: 0, accepted: 0, refused: 0, partBecause: null }, ''],
  ];
  for (const [summary, said] of rows) assert.equal(rehearsalSentence(summary), said);
});

test('how many nodes are enough', () => {
  const [group] = samplePlan.nodegroups;
  assert.ok(group);
  const words = (replacement: number, capacity: NodegroupPlan['capacity']): string =>
    capacityWords({ ...group, nodes: { source: 6, replacement }, capacity });
  const memory = { nodesNeeded: 4, limitedBy: 'memory', unplaced: [] };
  assert.equal(words(6, memory), '6 nodes, 4 are enough (memory)');
  assert.equal(words(4, memory), '4 nodes, no fewer would do (memory)');
  assert.equal(words(3, memory), '3 nodes, 4 are needed (memory)');
  assert.equal(
    words(6, { ...memory, unplaced: ['shop/a-0: too big'] }),
    '6 nodes, 4 are enough (memory); 1 pod would fit on none',
  );
  assert.equal(words(6, { nodesNeeded: 0, limitedBy: 'nothing', unplaced: [] }), '');
  const tooBig = { nodesNeeded: 0, limitedBy: 'nothing', unplaced: ['shop/a (3 pods): too big'], unplacedPods: 3 };
  assert.equal(words(1, tooBig), '1 node; 3 pods would fit on none');
});
