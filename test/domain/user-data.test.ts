import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { gzipSync } from 'node:zlib';
import fc from 'fast-check';
import { readUserData, userDataFacts } from '../../src/domain/user-data.ts';

const script = '#!/bin/bash\necho hello';
const nodeConfig = '---\napiVersion: node.eks.aws/v1alpha1\nkind: NodeConfig\n';
const message = (parts: readonly string[], boundary = 'B', head = ''): string =>
  `MIME-Version: 1.0\nContent-Type: multipart/mixed; boundary="${boundary}"${head}\n\n${parts.map((part) => `--${boundary}\n${part}\n`).join('')}--${boundary}--\n`;
const nested = message([
  `Content-Type: multipart/mixed; boundary="IN"\n\n--IN\nContent-Type: text/x-shellscript\n\n${script}\n--IN\nContent-Type: text/cloud-config\n\n#cloud-config\n--IN--`,
  `Content-Type: application/node.eks.aws\n\n${nodeConfig}`,
]);

const texts: [name: string, text: string, form: string, parts: [string, string][]][] = [
  ['a script', script, 'text', [['text/x-shellscript', script]]],
  ['cloud-config', '#cloud-config\nruncmd: []', 'text', [['text/cloud-config', '#cloud-config\nruncmd: []']]],
  ['a boothook', '#cloud-boothook\nls', 'text', [['text/cloud-boothook', '#cloud-boothook\nls']]],
  [
    'an include',
    '#include\nhttps://example.com/x',
    'text',
    [['text/x-include-url', '#include\nhttps://example.com/x']],
  ],
  ['a NodeConfig', nodeConfig, 'text', [['application/node.eks.aws', nodeConfig]]],
  ['TOML', '[settings.kubernetes]\nmax-pods = 29\n', 'toml', []],
  ['TOML of one table', 'settings.kubernetes.max-pods = 29', 'toml', []],
  ['one message', `Content-Type: text/x-shellscript\n\n${script}`, 'single', [['text/x-shellscript', script]]],
  [
    'a multi-part message',
    message([`Content-Type: text/x-shellscript\n\n${script}`]),
    'multipart',
    [['text/x-shellscript', script]],
  ],
  [
    'with CRLF',
    message([`Content-Type: text/x-shellscript\n\n${script}`]).replaceAll('\n', '\r\n'),
    'multipart',
    [['text/x-shellscript', script.replaceAll('\n', '\r\n')]],
  ],
  [
    'with a bare boundary before another parameter',
    `Content-Type: multipart/mixed; boundary====12==; charset=x\n\n--===12==\n\n${script}\n--===12==--\n`,
    'multipart',
    [['text/x-shellscript', script]],
  ],
  [
    'with folded headers',
    `MIME-Version: 1.0\nContent-Type: multipart/mixed;\n boundary="B C"\n\n--B C\nX-A: 1\nContent-Type: text/cloud-config;\n\tcharset="us-ascii"\n\n#cloud-config\n--B C--`,
    'multipart',
    [['text/cloud-config', '#cloud-config']],
  ],
  [
    'without a closing delimiter',
    `Content-Type: multipart/mixed; boundary=B\n\n--B\n\n${script}\n`,
    'multipart',
    [['text/x-shellscript', `${script}\n`]],
  ],
  [
    'with a preamble and an epilogue',
    `Content-Type: multipart/mixed; boundary=B\n\nhello\n--B\n\n${script}\n--B--\nbye --B\n`,
    'multipart',
    [['text/x-shellscript', script]],
  ],
  [
    'a nested message',
    nested,
    'multipart',
    [
      ['text/x-shellscript', script],
      ['text/cloud-config', '#cloud-config'],
      ['application/node.eks.aws', nodeConfig],
    ],
  ],
  [
    'a part in base64',
    message([
      `Content-Type: text/x-shellscript\nContent-Transfer-Encoding: base64\n\n${Buffer.from(script).toString('base64')}`,
    ]),
    'multipart',
    [['text/x-shellscript', script]],
  ],
  ['a message without parts', 'Content-Type: multipart/mixed; boundary=B\n\nnothing\n', 'unknown', []],
  ['gzip', gzipSync(script).toString(), 'compressed', []],
  ['gzip in base64', gzipSync(script).toString('base64'), 'compressed', []],
  ['PowerShell', '<powershell>\nGet-Item\n</powershell>', 'powershell', []],
  ['anything else', 'hello', 'unknown', []],
  ['nothing', ' \n', 'unknown', []],
];

describe('readUserData', () => {
  for (const [name, text, form, parts] of texts) {
    it(`tells ${name}`, () => {
      const found = readUserData(text);
      assert.deepEqual([found.form, found.parts.map(({ contentType, body }) => [contentType, body])], [form, parts]);
      for (const { start, end, isBase64, body } of found.parts)
        if (!isBase64) assert.equal(text.slice(start, end), body);
    });
  }

  it('finds a part that is compressed', () => {
    const part = `Content-Type: application/x-gzip\nContent-Transfer-Encoding: base64\n\n${gzipSync(script).toString('base64')}`;
    assert.equal(readUserData(message([part])).form, 'compressed');
  });

  it('finds the parts of any message where they are, and never throws', () => {
    const body = fc
      .stringMatching(/^[a-z#! \-\n]{0,40}$/)
      .filter((text) => !text.includes('--B') && !text.endsWith('\n'));
    fc.assert(
      fc.property(fc.array(body, { minLength: 1 }), fc.constantFrom('\n', '\r\n'), (bodies, lineBreak) => {
        const text = message(bodies.map((one) => `Content-Type: text/x-shellscript\n\n${one}`)).replaceAll(
          '\n',
          lineBreak,
        );
        const found = readUserData(text);
        assert.deepEqual(
          found.parts.map((part) => part.body),
          bodies.map((one) => one.replaceAll('\n', lineBreak)),
        );
      }),
    );
    fc.assert(fc.property(fc.string({ unit: 'binary' }), (text) => void readUserData(text)));
    fc.assert(
      fc.property(fc.string(), (text) => void readUserData(`Content-Type: multipart/mixed; boundary=B\n${text}`)),
    );
  });
});

describe('userDataFacts', () => {
  const facts: [string, string, object][] = [
    ['a script', script, { bytes: 22, form: 'text', hasBootstrap: false, hasNodeConfig: false }],
    [
      'a call of bootstrap.sh',
      '#!/bin/sh\n/etc/eks/bootstrap.sh demo',
      { bytes: 36, form: 'text', hasBootstrap: true, hasNodeConfig: false },
    ],
    [
      'a NodeConfig in umlauts',
      `${nodeConfig}# ä`,
      { bytes: nodeConfig.length + 4, form: 'text', hasBootstrap: false, hasNodeConfig: true },
    ],
  ];
  for (const [name, text, expected] of facts) it(`of ${name}`, () => assert.deepEqual(userDataFacts(text), expected));
});
