/**
 * Every kind of source by every family of images, to the letter: what the plan says, the user data, and the files for eksctl
 * and Terraform, in `matrix/SOURCE/FAMILY.txt`. `npm run golden` writes them anew.
 */
import assert from 'node:assert/strict';
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { Ajv } from 'ajv';
import { parse } from 'yaml';
import { runChecks } from '../../src/checks/index.ts';
import { MigrateError } from '../../src/domain/migrate-error.ts';
import type { MigrationPlan } from '../../src/domain/plan.ts';
import { replacementPartsOf } from '../../src/domain/replacement-parts.ts';
import type { ClusterSnapshot } from '../../src/domain/snapshot.ts';
import { cloudformationYaml } from '../../src/exports/cloudformation.ts';
import { eksctlExport, eksctlYaml } from '../../src/exports/eksctl.ts';
import { terraformText } from '../../src/exports/terraform.ts';
import { makePlan } from '../../src/planning/plan.ts';
import { scopeOf } from '../../src/planning/scope.ts';
import { at, readHcl, readYaml11, resourceOf, textOfLines } from '../exports/readers.ts';
import { brokenRules } from '../support/eksctl-rules.ts';
import { aRequest } from '../support/snapshot.ts';
import { templates } from '../support/templates.ts';
import { clusterOf, families, sources } from './matrix-sources.ts';

const folder = fileURLToPath(new URL('matrix/', import.meta.url));
const isWriting = process.env['GOLDEN'] === 'write';
const schema: object = JSON.parse(readFileSync(new URL('../support/eksctl-schema.json', import.meta.url), 'utf8'));
const validate = new Ajv({ strict: false }).compile(schema);

function planOf(snapshot: ClusterSnapshot, createWith: 'api' | 'external'): MigrationPlan {
  const request = aRequest({
    createWith,
    nodegroups: snapshot.nodegroups.map(({ nodegroupName }) => nodegroupName),
  });
  const findings = runChecks(snapshot, request, scopeOf(snapshot, request));
  return makePlan({ snapshot, request, findings, toolVersion: '0.0.0-test', templates });
}

/** Names of what a plan makes have a hash of all that was seen, which YAML may have to quote. */
function withoutHashes(text: string, plan: MigrationPlan): string {
  const hashes = [plan.planId.slice(0, 8), ...plan.nodegroups.map(({ replacement }) => replacement.slice(-8))];
  return hashes.reduce(
    (result, hash) => result.replaceAll(`: "${hash}"\n`, `: ${hash}\n`).replaceAll(hash, 'abcdef01'),
    text,
  );
}

/** In every plan the same. */
const isUsual =
  /^(tags\.prefix-migrate|resources\.|nodegroupName|launchTemplate\.TagSpecifications|maxPods|kubeReserved)/;

const section = (title: string, text: string): string => `---- ${title}\n${text.replace(/\n*$/, '\n')}\n`;

function planText(plan: MigrationPlan): string {
  const [group] = plan.nodegroups;
  return [
    ...plan.findings
      .filter(({ code }) => /^(NODEGROUP|TEMPLATE|NODE|INSTANCE)\./.test(code))
      .map(({ severity, code, subject, summary }) => `${severity} ${code} ${subject}: ${summary}`),
    ...(group === undefined
      ? ['no node group to move']
      : [`${group.source} -> ${group.replacement}, maxPods ${group.maxPods.value}, owner ${group.owner.tool}`]),
    ...(group?.differences ?? [])
      .filter(({ field }) => !isUsual.test(field))
      .map(
        ({ field, source, replacement, reason }) =>
          `  ${field}: ${source ?? '-'} -> ${replacement ?? '-'}   (${reason})`,
      ),
    ...(plan.steps.length === 0 ? ['no steps'] : ['steps:', ...plan.steps.map(({ id }) => `  ${id}`)]),
  ].join('\n');
}

/** The text, or why there is none. */
function said(print: () => string): string {
  try {
    return print();
  } catch (error) {
    if (!(error instanceof MigrateError)) throw error;
    return [`(${error.code}) ${error.message} ${error.why}`, ...error.nextActions.map((action) => `-> ${action}`)].join(
      '\n',
    );
  }
}

function golden(plan: MigrationPlan): string {
  const source = plan.nodegroups[0]?.source ?? '';
  const parts = replacementPartsOf(plan, source);
  return withoutHashes(
    [
      section('plan', planText(plan)),
      ...(parts === undefined
        ? []
        : [
            section('user data', parts.template.userData),
            section(
              'eksctl',
              said(() => eksctlExport(plan)),
            ),
            section(
              'terraform',
              said(() => terraformText(plan)),
            ),
          ]),
    ].join(''),
    plan,
  );
}

for (const [sourceName, source] of Object.entries(sources)) {
  for (const [familyName, family] of Object.entries(families)) {
    test(`${sourceName} x ${familyName}`, async () => {
      const plan = planOf(clusterOf(source, family), source.createWith ?? 'api');
      const text = golden(plan);
      const file = join(folder, sourceName, `${familyName}.txt`);
      if (isWriting) {
        mkdirSync(dirname(file), { recursive: true });
        writeFileSync(file, text);
      }
      assert.equal(text, readFileSync(file, 'utf8'), 'npm run golden writes it anew');
      const isRefused = plan.findings.some(({ severity }) => severity === 'blocking');
      assert.equal(plan.steps.length === 0, isRefused, 'no steps, no reason');
      await readBack(plan);
    });
  }
}

/** What readers of the formats make of the files. */
async function readBack(plan: MigrationPlan): Promise<void> {
  const yaml = eksctlYaml(plan);
  const config = readYaml11(yaml);
  assert.deepEqual(parse(yaml), config, 'YAML 1.2 and 1.1');
  const isValid: boolean = validate(config);
  assert.ok(isValid, JSON.stringify(validate.errors));
  const groups = config['managedNodeGroups'];
  const [group = {}] = Array.isArray(groups) ? groups : [];
  assert.deepEqual(brokenRules(group), []);

  const parts = replacementPartsOf(plan, plan.nodegroups[0]?.source ?? '');
  const file = await readHcl(terraformText(plan));
  const stack = readYaml11(cloudformationYaml(plan));
  if (parts === undefined) {
    assert.deepEqual([groups, file['resource'], stack['Resources']], [undefined, undefined, {}]);
    return;
  }
  const { group: wanted, template } = parts;
  const terraform = resourceOf(file, 'aws_eks_node_group', wanted.nodegroupName);
  const resources: Record<string, unknown>[] = Object.values(Object(stack['Resources']));
  const properties = (type: string) =>
    at(
      resources.find(({ Type }) => Type === type),
      ['Properties'],
    );
  const nodegroup = properties('AWS::EKS::Nodegroup');
  const same = {
    desired: wanted.scaling.desiredSize,
    subnets: wanted.subnetIds,
    types: wanted.instanceTypes,
    tags: wanted.tags,
  };
  assert.deepEqual(
    {
      desired: at(terraform, ['scaling_config', 0])['desired_size'],
      subnets: terraform['subnet_ids'],
      types: terraform['instance_types'],
      tags: terraform['tags'],
    },
    same,
  );
  assert.deepEqual(
    {
      desired: at(nodegroup, ['ScalingConfig'])['DesiredSize'],
      subnets: nodegroup['Subnets'],
      types: nodegroup['InstanceTypes'],
      tags: nodegroup['Tags'],
    },
    same,
  );
  const { UserData, ...data } = at(properties('AWS::EC2::LaunchTemplate'), ['LaunchTemplateData']);
  assert.deepEqual(data, template.data);
  assert.ok(UserData);
  const hasUserData = (template.sourceTemplate?.userDataHash ?? null) !== null;
  if (hasUserData || template.merge?.valuesOfCluster !== undefined) return;
  const { user_data } = resourceOf(file, 'aws_launch_template', wanted.nodegroupName);
  assert.equal(await textOfLines(user_data), template.userData);
  assert.deepEqual(UserData, { 'Fn::Base64': template.userData });
}

test('every text belongs to a cell', () => {
  const cells = Object.keys(sources).flatMap((source) =>
    Object.keys(families).map((family) => join(source, `${family}.txt`)),
  );
  const files = readdirSync(folder, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile());
  assert.deepEqual(
    files.map((entry) => join(entry.parentPath, entry.name).slice(folder.length)).toSorted(),
    cells.toSorted(),
  );
});
