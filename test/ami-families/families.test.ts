import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { chmodSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, it } from 'node:test';
import { parse } from 'smol-toml';
import { parse as parseYaml } from 'yaml';
import { amiFamilies } from '../../src/ami-families/index.ts';
import type { NodeSettings } from '../../src/ami-families/renderer.ts';
import type { SupportedAmiFamily } from '../../src/domain/ami.ts';
import { readUserData } from '../../src/domain/user-data.ts';
import { templates } from '../support/templates.ts';

const render = (family: SupportedAmiFamily, settings: NodeSettings): string =>
  amiFamilies[family].render(templates.userData[family], settings);
const own = {
  nodegroupName: 'apps-pd-1',
  imageId: 'ami-0abc',
  taints: [
    { key: 'role', value: 'db', effect: 'NO_SCHEDULE' as const },
    { key: 'role', value: null, effect: 'PREFER_NO_SCHEDULE' as const },
    { key: 'gpu', value: '1', effect: 'NO_EXECUTE' as const },
  ],
  isComplete: false,
};
const registered = 'role=db:NoSchedule,role=:PreferNoSchedule,gpu=1:NoExecute';
const labels = 'eks.amazonaws.com/nodegroup=apps-pd-1,eks.amazonaws.com/nodegroup-image=ami-0abc';

const nodeConfig = (settings: NodeSettings): unknown =>
  parseYaml(
    readUserData(render('al2023', settings))
      .parts[0]?.body.replace(/^---\n/, '')
      .replaceAll(/\{\{(\w+)\}\}/g, '$1') ?? '',
  );
const values = (toml: string): unknown => JSON.parse(JSON.stringify(parse(toml)));
const scriptOf = (settings: NodeSettings): string => readUserData(render('al2', settings)).parts[0]?.body ?? '';

describe('Amazon Linux 2023 with an image of its own', () => {
  const config = { maxPods: 110, kubeReserved: { memory: '1465Mi' } };
  const head = { apiVersion: 'node.eks.aws/v1alpha1', kind: 'NodeConfig' };

  it('is told the labels by which EKS knows its nodes', () => {
    assert.deepEqual(nodeConfig({ maxPods: 110, own }), {
      ...head,
      spec: { kubelet: { config, flags: [`--node-labels=${labels}`] } },
    });
  });
  it('is told all that it needs where the source has no user data', () => {
    assert.deepEqual(nodeConfig({ maxPods: 110, own: { ...own, isComplete: true, imageId: 'resolve:ssm:/a/b' } }), {
      ...head,
      spec: {
        cluster: {
          name: 'clusterName',
          apiServerEndpoint: 'clusterEndpoint',
          certificateAuthority: 'clusterCertificateAuthority',
          cidr: 'clusterServiceCidr',
        },
        kubelet: {
          config,
          flags: ['--node-labels=eks.amazonaws.com/nodegroup=apps-pd-1', `--register-with-taints=${registered}`],
        },
      },
    });
  });
});

describe('Bottlerocket', () => {
  it('is told maxPods, and sizes the memory itself', () => {
    assert.equal(render('bottlerocket', { maxPods: 110 }), '[settings.kubernetes]\nmax-pods = 110\n');
  });
  const nodeSettings = {
    'node-labels': { 'eks.amazonaws.com/nodegroup': 'apps-pd-1', 'eks.amazonaws.com/nodegroup-image': 'ami-0abc' },
    'node-taints': { role: ['db:NoSchedule', ':PreferNoSchedule'], gpu: ['1:NoExecute'] },
  };
  it('is told labels and taints with an image of its own', () => {
    assert.deepEqual(values(render('bottlerocket', { maxPods: 58, own })), {
      settings: { kubernetes: { 'max-pods': 58, ...nodeSettings } },
    });
  });
  it('is told all that it needs where the source has no user data', () => {
    assert.deepEqual(values(render('bottlerocket', { maxPods: 58, own: { ...own, isComplete: true } })), {
      settings: {
        kubernetes: {
          'max-pods': 58,
          'cluster-name': '{{clusterName}}',
          'api-server': '{{clusterEndpoint}}',
          'cluster-certificate': '{{clusterCertificateAuthority}}',
          'cluster-dns-ip': '{{clusterDnsIp}}',
          ...nodeSettings,
        },
      },
    });
  });
});

describe('Amazon Linux 2 and Ubuntu', () => {
  const folders: string[] = [];
  after(() => {
    for (const folder of folders) rmSync(folder, { recursive: true });
  });

  /** What the bootstrap.sh of the image is called with on a node that runs these scripts in turn. */
  function kubeletArguments(scripts: readonly string[]): string[] {
    const root = mkdtempSync(join(tmpdir(), 'node-'));
    folders.push(root);
    mkdirSync(`${root}/etc/eks`, { recursive: true });
    writeFileSync(`${root}/etc/eks/bootstrap.sh`, `#!/bin/bash\nprintf '%s\\n' "$@" > ${root}/arguments\n`);
    chmodSync(`${root}/etc/eks/bootstrap.sh`, 0o755);
    for (const script of scripts) {
      const text = script.replaceAll('/etc/', `${root}/etc/`);
      assert.ok(!/[^/\w]\/(usr|opt|var)\//.test(text));
      execFileSync('bash', ['-c', text]);
    }
    return readFileSync(`${root}/arguments`, 'utf8').trimEnd().split('\n');
  }
  const plain = scriptOf({ maxPods: 110 });
  const byEks =
    "/etc/eks/bootstrap.sh demo --kubelet-extra-args '--node-labels=a=b --max-pods=29' --b64-cluster-ca Q0E= --apiserver-endpoint https://x --use-max-pods false";
  const rest = [
    'demo',
    '--b64-cluster-ca',
    'Q0E=',
    '--apiserver-endpoint',
    'https://x',
    '--use-max-pods',
    'false',
    '--kubelet-extra-args',
  ];

  it('get our maxPods as the only one, whatever EKS gives', () => {
    assert.deepEqual(kubeletArguments([plain, byEks]), [...rest, '--node-labels=a=b  --max-pods=110']);
  });
  it('get it from a caller that gives nothing', () => {
    assert.deepEqual(kubeletArguments([plain, '/etc/eks/bootstrap.sh demo']), [
      'demo',
      '--use-max-pods',
      'false',
      '--kubelet-extra-args',
      ' --max-pods=110',
    ]);
  });
  it('get it although a later script edits bootstrap.sh, or is ours of an earlier plan', () => {
    const edited = 'sed -i \'s/KUBELET_EXTRA_ARGS=$2/KUBELET_EXTRA_ARGS="$2 --max-pods=29"/\' /etc/eks/bootstrap.sh';
    assert.equal(kubeletArguments([plain, edited, byEks]).at(-1), '--node-labels=a=b  --max-pods=110');
    const earlier = scriptOf({ maxPods: 58 });
    assert.equal(
      kubeletArguments([plain, earlier, byEks])
        .at(-1)
        ?.match(/--max-pods=\d+/g)
        ?.join(),
      '--max-pods=110',
    );
  });
  it('with an image of their own get labels and taints where the caller gives none', () => {
    const script = scriptOf({ maxPods: 110, own });
    const argument = (extra: string) =>
      kubeletArguments([script, `/etc/eks/bootstrap.sh demo --kubelet-extra-args '${extra}'`]).at(-1);
    assert.equal(
      argument('--v=2'),
      `--v=2 --node-labels=${labels} --register-with-taints=${registered} --max-pods=110`,
    );
    assert.equal(
      argument('--node-labels=a=b'),
      `--node-labels=${labels},a=b --register-with-taints=${registered} --max-pods=110`,
    );
    const given = '--node-labels=a=b,eks.amazonaws.com/nodegroup=apps,c=d --register-with-taints=x=y:NoSchedule';
    assert.equal(argument(given), `${given.replace('=apps,', '=apps-pd-1,')} --max-pods=110`);
  });
  it('have more memory set aside each time before kubelet starts', () => {
    const root = mkdtempSync(join(tmpdir(), 'node-'));
    folders.push(root);
    mkdirSync(`${root}/etc/eks`, { recursive: true });
    writeFileSync(`${root}/etc/eks/bootstrap.sh`, '');
    execFileSync('bash', ['-c', plain.replaceAll('/etc/', `${root}/etc/`)]);
    const dropIn = readFileSync(`${root}/etc/systemd/system/kubelet.service.d/60-reserve-memory.conf`, 'utf8');
    assert.equal(dropIn, `[Service]\nExecStartPre=-/bin/bash ${root}/etc/eks/reserve-memory.sh\n`);
    assert.match(readFileSync(`${root}/etc/eks/reserve-memory.sh`, 'utf8'), /\.kubeReserved\.memory = "1465Mi"/);
  });
});
