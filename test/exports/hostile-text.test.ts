/** What a reader of each format reads is what went in, whatever the text. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import type { MigrationPlan, ReplacementParts } from '../../src/domain/plan.ts';
import { cloudformationYaml } from '../../src/exports/cloudformation.ts';
import { eksctlYaml } from '../../src/exports/eksctl.ts';
import { nodeclassYaml } from '../../src/exports/nodeclass.ts';
import { terraformText } from '../../src/exports/terraform.ts';
import { aNodegroup, aSnapshot } from '../support/snapshot.ts';
import { hostileText } from './hostile.ts';
import { planOf, withParts } from './plans.ts';
import { at, readHcl, readYaml11, readYaml11Documents, resourceOf, textOfLines } from './readers.ts';

const base = {
  api: planOf(aSnapshot({ nodegroups: [aNodegroup()] })),
  external: planOf(aSnapshot({ nodegroups: [aNodegroup()] }), { createWith: 'external' }),
};

// in well-formed text, as AWS gives it; HCL normalises it besides
const text = hostileText.map((drawn) => drawn.toWellFormed().normalize('NFC'));
const texts = fc.dictionary(text, text, { minKeys: 1, maxKeys: 4, noNullPrototype: true });

interface Texts {
  mode: 'api' | 'external';
  labels: Record<string, string>;
  tags: Record<string, string>;
  taint: { key: string; value: string };
  userData: string;
  word: string;
}

const drawn: fc.Arbitrary<Texts> = fc.record({
  mode: fc.constantFrom('api', 'external'),
  labels: texts,
  tags: texts,
  taint: fc.record({ key: text, value: text }),
  userData: fc.array(text, { minLength: 1, maxLength: 5 }).map((lines) => lines.join('\n')),
  word: text,
});

function planWith({ mode, labels, tags, taint, userData, word }: Texts): MigrationPlan {
  const plan = base[mode];
  const change = ({ group, template }: ReplacementParts): ReplacementParts => ({
    group: { ...group, labels, tags, taints: [{ ...taint, effect: 'NO_SCHEDULE' }] },
    template: {
      ...template,
      userData,
      tags,
      data: {
        ...template.data,
        Placement: { GroupName: word },
        TagSpecifications: [
          { ResourceType: 'instance', Tags: Object.entries(tags).map(([Key, Value]) => ({ Key, Value })) },
        ],
      },
    },
  });
  const differences = [{ field: `labels.${word}`, source: word, replacement: null, reason: word }];
  return withParts(
    {
      ...plan,
      cluster: { ...plan.cluster, kubernetesVersion: word },
      nodegroups: plan.nodegroups.map((one) => ({ ...one, maxPods: { ...one.maxPods, limitedBy: word }, differences })),
      karpenter: {
        nodeClasses: [
          {
            name: word,
            apiVersion: 'karpenter.k8s.aws/v1',
            nodePools: [word],
            maxPodsBefore: null,
            maxPods: 110,
            limitedBy: word,
          },
        ],
      },
    },
    change,
  );
}

/** Members whatever their order, and none that it inherits. */
const own = (value: unknown): Map<string, unknown> => new Map(Object.entries(Object(value)));

/** Line breaks of other systems have no place of their own in a YAML block; a quoted text keeps them. */
const name = base.api.nodegroups[0]?.replacement ?? '';
const externalName = base.external.nodegroups[0]?.replacement ?? '';

test('eksctl, CloudFormation and Karpenter, by a reader of YAML 1.1', () => {
  fc.assert(
    fc.property(drawn, (given) => {
      const plan = planWith(given);
      const { labels, tags, taints } = at(readYaml11(eksctlYaml(plan)), ['managedNodeGroups', 0]);
      assert.deepEqual(own(labels), own(given.labels));
      assert.deepEqual(own(tags), own(given.tags));
      assert.deepEqual(taints, [{ ...given.taint, effect: 'NoSchedule' }]);

      const stack = readYaml11(cloudformationYaml(plan));
      const resources: Record<string, unknown>[] = Object.values(Object(stack['Resources']));
      const template = at(
        resources.find(({ Type }) => Type === 'AWS::EC2::LaunchTemplate'),
        ['Properties'],
      );
      const nodegroup = at(
        resources.find(({ Type }) => Type === 'AWS::EKS::Nodegroup'),
        ['Properties'],
      );
      assert.deepEqual(own(nodegroup['Labels']), own(given.labels));
      assert.deepEqual(own(nodegroup['Tags']), own(given.tags));
      assert.deepEqual(nodegroup['Taints'], [
        { Key: given.taint.key, Value: given.taint.value, Effect: 'NO_SCHEDULE' },
      ]);
      const data = at(template, ['LaunchTemplateData']);
      assert.deepEqual(data['UserData'], { 'Fn::Base64': given.userData });
      assert.deepEqual(data['Placement'], { GroupName: given.word });

      const [nodeClass] = readYaml11Documents(nodeclassYaml(plan));
      assert.deepEqual(nodeClass, {
        apiVersion: 'karpenter.k8s.aws/v1',
        kind: 'EC2NodeClass',
        metadata: { name: given.word },
        spec: { kubelet: { maxPods: 110 } },
      });
    }),
    { numRuns: 100 },
  );
});

test('Terraform, by a parser of HCL', async () => {
  await fc.assert(
    fc.asyncProperty(drawn, async (given) => {
      const file = await readHcl(terraformText(planWith(given)));
      const label = given.mode === 'api' ? name : externalName;
      const template = resourceOf(file, 'aws_launch_template', label);
      const group = resourceOf(file, 'aws_eks_node_group', label);
      assert.deepEqual(own(group['labels']), own(given.labels));
      assert.deepEqual(own(group['tags']), own(given.tags));
      assert.deepEqual(own(template['tags']), own(given.tags));
      assert.deepEqual(group['taint'], [{ ...given.taint, effect: 'NO_SCHEDULE' }]);
      assert.equal(await textOfLines(template['user_data']), given.userData);
      assert.deepEqual(template['placement'], [{ group_name: given.word }]);
      assert.deepEqual(own(at(template, ['tag_specifications', 0, 'tags'])), own(given.tags));
    }),
    { numRuns: 100 },
  );
});
