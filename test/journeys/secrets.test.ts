/** Secrets wherever a cluster may hold some: none is in the plan folder, the journal or anything that is printed. */
import assert from 'node:assert/strict';
import { readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { createRealClock } from '../../src/simulator/clock.ts';
import { hostWorld } from '../../src/simulator/host.ts';
import { threeNodes } from '../../src/simulator/scenarios/parts.ts';
import { createWorld, type World } from '../../src/simulator/world.ts';
import { run, temporaryFolder } from './program.ts';

const secret = 'hunter2-of-nobody';
const withSecret = { 'kubectl.kubernetes.io/last-applied-configuration': `{"env":[{"value":"${secret}"}]}` };

const scenario = threeNodes({
  name: 'secrets',
  title: 'A cluster with secrets in places where they do not belong',
  vpcCni: {
    setByHand: {
      AWS_SECRET_ACCESS_KEY: secret,
      HTTPS_PROXY: `http://user:${secret}@proxy.example:3128`,
      AWS_EC2_ENDPOINT: `https://user:${secret}@ec2.example`,
      AWS_VPC_K8S_CNI_TOKEN: secret,
      WARM_PREFIX_TARGTE: secret,
    },
    marks: { annotations: withSecret },
  },
});

async function patch(world: World, path: string, body: object): Promise<void> {
  const { status } = await world.kubernetes({
    method: 'PATCH',
    path,
    headers: {
      authorization: `Bearer ${world.administrator.token}`,
      'content-type': 'application/strategic-merge-patch+json',
    },
    body: JSON.stringify(body),
  });
  assert.equal(status, 200, path);
}

const filesIn = (folder: string): string[] =>
  readdirSync(folder, { recursive: true, encoding: 'utf8' })
    .map((name) => join(folder, name))
    .filter((path) => statSync(path).isFile());

test('no secret of the cluster is written or printed', async (t) => {
  const world = createWorld(
    { ...scenario, nodegroups: scenario.nodegroups.map((group) => ({ ...group, nodeAnnotations: withSecret })) },
    { clock: createRealClock(300), seed: 1 },
  );
  const hosted = await hostWorld(world);
  t.after(() => hosted.close());
  const init = { name: 'aws-vpc-cni-init', image: 'init', env: [{ name: 'AWS_SESSION_TOKEN', value: secret }] };
  await patch(world, '/apis/apps/v1/namespaces/kube-system/daemonsets/aws-node', {
    spec: { template: { spec: { initContainers: [init] } } },
  });
  for (const { metadata } of world.store.list('pods'))
    await patch(world, `/api/v1/namespaces/${metadata.namespace}/pods/${metadata.name}`, {
      metadata: { annotations: withSecret },
    });

  const cwd = temporaryFolder(t);
  const kubeconfig = join(temporaryFolder(t), 'config');
  writeFileSync(kubeconfig, hosted.kubeconfig);
  const env = {
    ...hosted.environment,
    KUBECONFIG: kubeconfig,
    PREFIX_MIGRATE_CLUSTER: world.cluster.name,
    PREFIX_MIGRATE_POLL_INTERVAL: '50ms',
  };
  const printed: string[] = [];
  for (const [code, args] of [
    [0, ['plan', '--soak', '0s', '--out', 'p']],
    [0, ['plan', '--soak', '0s', '--dry-run', '--json', '--allow', 'CNI.CONFIG_CONFLICT']],
    [4, ['audit']],
    [4, ['audit', '--json']],
    [0, ['apply', 'p', '--dry-run']],
    [0, ['apply', 'p', '--json', '--confirm', world.cluster.name]],
    [0, ['status', 'p']],
    [0, ['log', 'p']],
  ] as const) {
    const result = await run(args, { env, cwd });
    printed.push(`${args.join(' ')}: ${result.stdout}\n${result.stderr}`);
    assert.equal(result.code, code, printed.at(-1));
  }
  const files = filesIn(cwd);
  assert.ok(
    ['snapshot.json', 'journal.ndjson', 'report.html'].every((name) => files.some((path) => path.endsWith(name))),
  );
  const texts = [...printed, ...files.map((path) => `${path}: ${readFileSync(path, 'utf8')}`)];
  assert.deepEqual(
    texts.filter((text) => text.includes(secret)).map((text) => text.slice(0, 60)),
    [],
  );

  const { vpcCni } = JSON.parse(readFileSync(join(cwd, 'p/snapshot.json'), 'utf8'));
  assert.equal(vpcCni.env.AWS_SECRET_ACCESS_KEY, null, 'that it is set is told');
  assert.equal(vpcCni.initEnv.AWS_SESSION_TOKEN, null);
  const plan = JSON.parse(readFileSync(join(cwd, 'p/plan.json'), 'utf8'));
  assert.ok(plan.findings.some(({ subject }: { subject: string }) => subject === 'aws-node WARM_PREFIX_TARGTE'));
});
