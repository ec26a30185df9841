import assert from 'node:assert/strict';
import { test } from 'node:test';
import { maxPodsIn } from '../../src/domain/user-data-max-pods.ts';

const mime = (...parts: [type: string, body: string, encoding?: string][]): string =>
  [
    'MIME-Version: 1.0',
    'Content-Type: multipart/mixed; boundary="//"',
    '',
    ...parts.flatMap(([type, body, encoding]) => [
      '--//',
      `Content-Type: ${type}`,
      ...(encoding === undefined ? [] : [`Content-Transfer-Encoding: ${encoding}`]),
      '',
      body,
    ]),
    '--//--',
    '',
  ].join('\n');
const nodeConfig = (line: string): string =>
  `apiVersion: node.eks.aws/v1alpha1\nkind: NodeConfig\nspec:\n  kubelet:\n    config:\n      ${line}\n`;
const type = 'application/node.eks.aws';

const rows: [name: string, text: string, found: number[] | null][] = [
  ['nothing', '', []],
  ['NodeConfig alone', nodeConfig('maxPods: 110'), [110]],
  ['two NodeConfigs, in order', mime([type, nodeConfig('maxPods: 29')], [type, nodeConfig('maxPods: 110')]), [29, 110]],
  ['JSON in YAML', mime([type, nodeConfig('{"maxPods": "64"}')]), [64]],
  ['a part in base64', mime([type, Buffer.from(nodeConfig('maxPods: 110')).toString('base64'), 'base64']), [110]],
  ['a comment', mime([type, nodeConfig('# maxPods: 29')]), []],
  ['an expression', mime([type, nodeConfig('maxPodsExpression: "5 + 6"')]), []],
  ['TOML', '[settings.kubernetes]\nmax-pods = 110\ncluster-name = "demo"\n', [110]],
  ['TOML with quotes', '[settings.kubernetes]\n"max-pods" = 98\n', [98]],
  [
    'bootstrap flags',
    mime([
      'text/x-shellscript',
      "#!/bin/bash\n/etc/eks/bootstrap.sh demo --use-max-pods false --kubelet-extra-args '--max-pods=110 --v=2'",
    ]),
    [110],
  ],
  ['a flag with a space', '#!/bin/bash\nkubelet --max-pods 58\n', [58]],
  ['compressed', 'H4sIAAAAAAAAA', null],
];

for (const [name, text, found] of rows) {
  test(name, () => assert.deepEqual(maxPodsIn(text), found));
}
