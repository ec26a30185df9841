import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { amiFamilies } from '../../src/ami-families/index.ts';
import { fillTemplate } from '../../src/ami-families/renderer.ts';

const template = readFileSync(new URL('../../templates/user-data/al2023.mime', import.meta.url), 'utf8');

test('Amazon Linux 2023 gets one NodeConfig part with maxPods and the memory for it', () => {
  assert.equal(
    amiFamilies.al2023.render(template, { maxPods: 110 }),
    `MIME-Version: 1.0
Content-Type: multipart/mixed; boundary="prefix-migrate"

--prefix-migrate
Content-Type: application/node.eks.aws

---
apiVersion: node.eks.aws/v1alpha1
kind: NodeConfig
spec:
  kubelet:
    config:
      maxPods: 110
      kubeReserved:
        memory: 1465Mi

--prefix-migrate--
`,
  );
});
test('a template that asks for what is not there is a bug', () => {
  assert.throws(() => fillTemplate('{{a}} {{b}}', { a: 1 }), /\{\{b\}\}/);
});
