import assert from 'node:assert/strict';
import { parse } from 'yaml';
import type { MigrationPlan } from '../../../src/domain/plan.ts';
import { eksctlYaml } from '../../../src/exports/eksctl.ts';
import { baseOf } from '../base.ts';
import { hostileText } from '../generate.ts';
import type { Kind } from '../kind.ts';

interface Case {
  labels: Record<string, string>;
  tags: Record<string, string>;
  taints: { key: string; value: string; effect: 'NO_SCHEDULE' }[];
  version: string;
}

/** Words that one version of YAML or the other takes for something else than text. */
const yamlWords = [
  '0o17',
  '0b1',
  '1_000',
  '190:20:30',
  '.inf',
  '-.inf',
  '=',
  '<<',
  '2001-01-01',
  '+1',
  '.5',
  'Yes',
  'OFF',
  'y',
  'n',
  '0x1F',
  '1.',
  '? a',
  '- a',
  'a: b',
  'a #b',
  '@a',
  '`a`',
  '%a',
  '"a',
  "'a",
  '|',
  '>',
  '!a',
  '{a',
  '[a',
  ', a',
  '\u0085',
  'a\u2028b',
  'a\tb',
  ' a',
  'a ',
  '...',
  '---',
];

/** What we write for eksctl, read back by both versions of YAML. (Nothing is read from eksctl files yet.) */
export const eksctlKind: Kind = {
  name: 'eksctl',
  what: 'names, labels, tags and taints through cluster.eksctl.yaml',
  draw(random) {
    const text = (): string =>
      random
        .pick<() => string>([() => random.pick(yamlWords), () => hostileText(random)])()
        .replaceAll(/[\ud800-\udfff]/g, '?');
    const record = (): Record<string, string> =>
      Object.fromEntries(Array.from({ length: random.int(1, 4) }, () => [text(), text()]));
    const made: Case = {
      labels: record(),
      tags: record(),
      taints: [{ key: text(), value: text(), effect: 'NO_SCHEDULE' }],
      version: text(),
    };
    return Buffer.from(JSON.stringify(made));
  },
  async feed(input) {
    const { labels, tags, taints, version }: Case = JSON.parse(input.toString('utf8'));
    const { plan } = await baseOf('healthy');
    const changed: MigrationPlan = {
      ...plan,
      cluster: { ...plan.cluster, kubernetesVersion: version },
      steps: plan.steps.map((step) =>
        step.kind === 'create-nodegroup' ? { ...step, params: { ...step.params, labels, tags, taints } } : step,
      ),
    };
    const yaml = eksctlYaml(changed);
    for (const yamlVersion of ['1.1', '1.2'] as const) {
      const read = parse(yaml, { version: yamlVersion, schema: yamlVersion === '1.1' ? 'yaml-1.1' : 'core' });
      const [group] = read.managedNodeGroups;
      assert.deepEqual({ ...group.labels }, { ...labels }, `labels by YAML ${yamlVersion}`);
      assert.deepEqual({ ...group.tags }, { ...tags }, `tags by YAML ${yamlVersion}`);
      assert.equal(group.taints[0].key, taints[0]?.key, `taint by YAML ${yamlVersion}`);
      assert.equal(group.taints[0].value, taints[0]?.value, `taint by YAML ${yamlVersion}`);
      assert.equal(read.metadata.version, changed.cluster.kubernetesVersion, `version by YAML ${yamlVersion}`);
    }
    return undefined;
  },
};
