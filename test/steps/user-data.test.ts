import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { inspect, isDeepStrictEqual } from 'node:util';
import fc from 'fast-check';
import { parse } from 'smol-toml';
import { amiFamilies } from '../../src/ami-families/index.ts';
import type { UserDataMerge } from '../../src/domain/plan.ts';
import { readUserData } from '../../src/domain/user-data.ts';
import { fillClusterValues, mergeUserData } from '../../src/steps/user-data.ts';
import { templates } from '../support/templates.ts';

const message = (parts: readonly string[], boundary = 'B'): string =>
  `MIME-Version: 1.0\nContent-Type: multipart/mixed; boundary="${boundary}"\n\n${parts.map((part) => `--${boundary}\n${part}\n`).join('')}--${boundary}--\n`;
const nodeConfig =
  'Content-Type: application/node.eks.aws\n\n---\napiVersion: node.eks.aws/v1alpha1\nkind: NodeConfig\n';
const ours = message([nodeConfig], 'OURS');
const script = '#!/bin/bash\necho hello';
const merge: UserDataMerge = { format: 'mime', position: 'last', maxPods: 110, replace: [] };
const first: UserDataMerge = { ...merge, position: 'first' };

const refusedAs =
  (code: string, secret = 'secret') =>
  (error: Error) =>
    'code' in error && error.code === code && !inspect(error, { depth: 9 }).includes(secret);

describe('mergeUserData of MIME', () => {
  it('is ours alone when the source has none', () => {
    assert.equal(mergeUserData(null, ours, merge), ours);
    assert.equal(mergeUserData(' \n', ours, merge), ours);
  });

  const texts: [name: string, source: string, part: string][] = [
    ['a shell script', script, `Content-Type: text/x-shellscript; charset="us-ascii"\n\n${script}`],
    ['cloud-config', '#cloud-config\nruncmd: []', 'Content-Type: text/cloud-config\n\n#cloud-config\nruncmd: []'],
    [
      'a NodeConfig',
      'apiVersion: node.eks.aws/v1alpha1',
      'Content-Type: application/node.eks.aws\n\napiVersion: node.eks.aws/v1alpha1',
    ],
    ['one message', `Content-Type: text/x-shellscript\n\n${script}`, `Content-Type: text/x-shellscript\n\n${script}`],
  ];
  for (const [name, source, part] of texts) {
    it(`makes a message of ${name} and ours`, () => {
      assert.equal(mergeUserData(source, ours, merge), message([part, nodeConfig], 'prefix-migrate'));
      assert.equal(mergeUserData(source, ours, first), message([nodeConfig, part], 'prefix-migrate'));
    });
  }

  const start = 'X: 1\r\nContent-Type: multipart/mixed; boundary=B\r\n\r\npreamble\r\n';
  const crlf = nodeConfig.replaceAll('\n', '\r\n');
  const messages: [name: string, source: string, last: string, first?: string][] = [
    [
      'a message',
      message([`X-A: 1\nContent-Type: text/x-shellscript\n\n${script}\n\n`]),
      message([`X-A: 1\nContent-Type: text/x-shellscript\n\n${script}\n\n`, nodeConfig]),
      message([nodeConfig, `X-A: 1\nContent-Type: text/x-shellscript\n\n${script}\n\n`]),
    ],
    [
      'CRLF, a preamble and what follows the message',
      `MIME-Version: 1.0\r\n${start}--B\r\n\r\n${script}\r\n--B--\r\nepilogue`,
      `MIME-Version: 1.0\r\n${start}--B\r\n\r\n${script}\r\n--B\r\n${crlf}\r\n--B--\r\nepilogue`,
      `MIME-Version: 1.0\r\n${start}--B\r\n${crlf}\r\n--B\r\n\r\n${script}\r\n--B--\r\nepilogue`,
    ],
    [
      'no closing delimiter',
      `Content-Type: multipart/mixed; boundary=B\n\n--B\n\n${script}`,
      `Content-Type: multipart/mixed; boundary=B\n\n--B\n\n${script}\n--B\n${nodeConfig}\n--B--\n`,
    ],
    [
      'a nested message',
      message([`Content-Type: multipart/mixed; boundary="IN"\n\n--IN\n\n${script}\n--IN--`]),
      message([`Content-Type: multipart/mixed; boundary="IN"\n\n--IN\n\n${script}\n--IN--`, nodeConfig]),
    ],
  ];
  for (const [name, source, last, ahead] of messages) {
    it(`leaves every byte of ${name}`, () => {
      assert.equal(mergeUserData(source, ours, merge), last);
      if (ahead !== undefined) assert.equal(mergeUserData(source, ours, first), ahead);
    });
  }

  it('keeps all parts, their headers and their order, whatever they say', () => {
    const body = fc.stringMatching(/^[a-zA-Z0-9#!:; =\-\n]{0,60}$/).filter((text) => !text.includes('--B'));
    fc.assert(
      fc.property(fc.array(body, { minLength: 1 }), fc.constantFrom(merge, first), (bodies, how) => {
        const parts = bodies.map((text, index) => `X-Number: ${index}\nContent-Type: text/x-shellscript\n\n${text}`);
        const merged = mergeUserData(message(parts), ours, how);
        assert.equal(merged, message(how === first ? [nodeConfig, ...parts] : [...parts, nodeConfig]));
        assert.equal(readUserData(merged).parts.length, bodies.length + 1);
      }),
    );
  });

  it('finds a boundary that is in no part', () => {
    assert.match(mergeUserData('#!/bin/sh\n--prefix-migrate', ours, merge), /boundary="prefix-migrate-"/);
  });

  it('says the same as plans of older versions without a word on how', () => {
    assert.equal(mergeUserData(message([script]), ours), message([script, nodeConfig]));
  });
});

const part = (spec: string): string => `${nodeConfig}spec:\n  kubelet:\n${spec}\n`;
const lastPart = (text: string): string => readUserData(text).parts.at(-1)?.body ?? '';

describe('nothing of the source wins over ours', () => {
  const taints = 'role=db:NoSchedule';
  const corrected: [name: string, source: string[], how: Partial<UserDataMerge>, spec: string | null][] = [
    ['a lower maxPods', [part('    config:\n      maxPods: 29')], {}, null],
    ['an expression', [part('    maxPodsExpression: "default_enis * 2"')], {}, null],
    ['a flag', [part('    flags:\n      - --max-pods=29\n      - --v=2')], {}, '    flags:\n      - --max-pods=110\n'],
    [
      'more memory set aside',
      [part('    config:\n      kubeReserved:\n        memory: 2Gi\n        cpu: 1')],
      {},
      '    config:\n      kubeReserved:\n        memory: 2048Mi\n',
    ],
    ['less memory set aside', [part('    config: { kubeReserved: { memory: 300Mi } }')], {}, null],
    ['no taints', [part('    flags: []')], { taints }, `    flags:\n      - --register-with-taints=${taints}\n`],
    ['taints of its own', [part(`    flags:\n      - --register-with-taints=x=y:NoExecute`)], { taints }, null],
    ['a flag in a shell script, which reaches no kubelet there', ['\n#!/bin/sh\necho --max-pods=29'], {}, null],
    ['what nobody can read', [`${nodeConfig}spec: [`], {}, null],
    [
      'a flag in one of two documents',
      [`${part('    flags: [--max-pods=29]')}---\napiVersion: node.eks.aws/v1alpha1\n`],
      {},
      '    flags:\n      - --max-pods=110\n',
    ],
  ];
  for (const [name, source, how, spec] of corrected) {
    it(name, () => {
      const merged = mergeUserData(message(source), ours, { ...merge, ...how });
      const added = readUserData(merged).parts.length - source.length;
      assert.equal(added, spec === null ? 1 : 2);
      if (spec !== null)
        assert.equal(
          lastPart(merged),
          `---\napiVersion: node.eks.aws/v1alpha1\nkind: NodeConfig\nspec:\n  kubelet:\n${spec}`,
        );
    });
  }
});

const encoded = (text: string): string =>
  `Content-Transfer-Encoding: base64\n\n${Buffer.from(text).toString('base64')}`;

describe('literals of the source', () => {
  const replace = [{ from: 'eks.amazonaws.com/nodegroup=apps', to: 'eks.amazonaws.com/nodegroup=apps-pd-1' }];
  const how: UserDataMerge = { ...merge, replace };
  it('are replaced where the name ends, and nowhere else', () => {
    const given =
      '#!/bin/sh\nf --node-labels=eks.amazonaws.com/nodegroup=apps,a=apps eks.amazonaws.com/nodegroup=apps-2';
    const wanted =
      '#!/bin/sh\nf --node-labels=eks.amazonaws.com/nodegroup=apps-pd-1,a=apps eks.amazonaws.com/nodegroup=apps-2';
    assert.equal(mergeUserData(message([`\n${given}`]), ours, how), message([`\n${wanted}`, nodeConfig]));
  });
  it('are replaced in parts that are encoded, too', () => {
    const [from, to] = ['', '-pd-1'].map((name) =>
      message([encoded(`#!/bin/sh\n${replace[0]?.from}${name}`), encoded('#!/bin/sh\nls')]),
    );
    assert.equal(mergeUserData(from ?? '', ours, how), mergeUserData(to ?? '', ours, merge));
  });
});

describe('mergeUserData of TOML', () => {
  const toml: UserDataMerge = { format: 'toml', position: 'last', maxPods: 110, replace: [] };
  const maxPods = '[settings.kubernetes]\nmax-pods = 110\n';
  const texts: [name: string, source: string, merged: string][] = [
    [
      'a table without it',
      '# mine\n[settings.kubernetes]\nlog-level = 3 # loud\n',
      '# mine\n[settings.kubernetes]\nmax-pods = 110\nlog-level = 3 # loud\n',
    ],
    [
      'a table with it',
      '[settings.kubernetes]\nmax-pods = 29 # old\nlog-level = 3\n',
      '[settings.kubernetes]\nmax-pods = 110 # old\nlog-level = 3\n',
    ],
    ['a text for a number', '[settings.kubernetes]\n"max-pods" = "29"\n', '[settings.kubernetes]\n"max-pods" = 110\n'],
    [
      'dotted keys',
      'settings.kubernetes.max-pods = 29\nsettings.motd = "hi"\n',
      'settings.kubernetes.max-pods = 110\nsettings.motd = "hi"\n',
    ],
    ['a table around it', '[settings]\nkubernetes.max-pods = 29\n', '[settings]\nkubernetes.max-pods = 110\n'],
    [
      'the same key elsewhere',
      '[settings.other]\nmax-pods = 1\n[settings.kubernetes]\nmax-pods = 29\n',
      '[settings.other]\nmax-pods = 1\n[settings.kubernetes]\nmax-pods = 110\n',
    ],
    [
      'another table alone',
      '[settings.ntp]\ntime-servers = ["169.254.169.123"]',
      '[settings.ntp]\ntime-servers = ["169.254.169.123"]\n\n[settings.kubernetes]\nmax-pods = 110\n',
    ],
    ['the same number already', '[settings.kubernetes]\nmax-pods = 0x6e\n', '[settings.kubernetes]\nmax-pods = 0x6e\n'],
    [
      'an inline table',
      '[settings]\nkubernetes = { log-level = 3 }\n',
      '[settings.kubernetes]\nlog-level = 3\nmax-pods = 110\n',
    ],
    ['CRLF', '[settings.kubernetes]\r\nmax-pods = 29\r\n', '[settings.kubernetes]\r\nmax-pods = 110\r\n'],
  ];
  for (const [name, source, merged] of texts) {
    it(`sets it in ${name}`, () => {
      const text = mergeUserData(source, maxPods, toml);
      assert.deepEqual(parse(text), parse(merged));
      if (!source.includes('{')) assert.equal(text, merged);
    });
  }

  it('leaves everything else equal, whatever it is', () => {
    const key = fc.constantFrom('log-level', 'max-pods', 'a b', 'kubernetes', 'x.y', '"');
    const value = fc.oneof(fc.integer({ min: 0, max: 9 }), fc.string(), fc.boolean(), fc.array(fc.string()));
    const table = fc.dictionary(key, fc.oneof(value, fc.dictionary(key, value)));
    fc.assert(
      fc.property(table, table, fc.boolean(), (kubernetes, others, isInline) => {
        const { kubernetes: _, ...rest } = others;
        const settings = { ...rest, kubernetes };
        const source = isInline ? `settings = ${inline(settings)}\n` : tables(['settings'], settings);
        const text = mergeUserData(source, maxPods, toml);
        const wanted = { settings: { ...settings, kubernetes: { ...kubernetes, 'max-pods': 110 } } };
        assert.ok(isDeepStrictEqual(parse(text), parse(tables(['settings'], wanted.settings))), text);
      }),
    );
  });

  it('lays labels and taints of an image of its own over those of the source', () => {
    const own = {
      nodegroupName: 'apps-pd',
      imageId: 'ami-1',
      isComplete: false,
      taints: [{ key: 'role', value: 'db', effect: 'NO_SCHEDULE' as const }],
    };
    const added = amiFamilies.bottlerocket.render(templates.userData.bottlerocket, { maxPods: 110, own });
    const source =
      '[settings.kubernetes]\ncluster-name = "demo"\n[settings.kubernetes.node-labels]\n"eks.amazonaws.com/nodegroup" = "apps" # old\nteam = "shop"\n';
    assert.equal(
      mergeUserData(source, added, toml),
      '[settings.kubernetes]\nmax-pods = 110\ncluster-name = "demo"\n[settings.kubernetes.node-labels]\n"eks.amazonaws.com/nodegroup-image" = "ami-1"\n"eks.amazonaws.com/nodegroup" = "apps-pd" # old\nteam = "shop"\n\n[settings.kubernetes.node-taints]\nrole = [ "db:NoSchedule" ]\n',
    );
  });
});

const inline = (value: unknown): string =>
  typeof value === 'object' && value !== null && !Array.isArray(value)
    ? `{ ${Object.entries(value)
        .map(([key, one]) => `${JSON.stringify(key)} = ${inline(one)}`)
        .join(', ')} }`
    : JSON.stringify(value).replaceAll('\u007f', '\\u007f');

const isTable = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

/** TOML with a header for each table. */
function tables(path: string[], table: Record<string, unknown>): string {
  const lines = Object.entries(table).filter(([, value]) => !isTable(value));
  const inner = Object.entries(table).filter(([, value]) => isTable(value));
  return [
    `[${path.map((key) => JSON.stringify(key)).join('.')}]`,
    ...lines.map(([key, value]) => `${JSON.stringify(key)} = ${inline(value)}`),
    ...inner.map(([key, value]) => (isTable(value) ? tables([...path, key], value) : '')),
  ].join('\n');
}

describe('what cannot be joined is refused, and never shown', () => {
  const bottlerocket: UserDataMerge = { ...merge, format: 'toml' };
  const cases: [name: string, source: string, how: UserDataMerge, code: string, says: RegExp][] = [
    ['gzip', '\u001f\u008b secret', merge, 'TEMPLATE.USER_DATA_UNKNOWN', /compressed/],
    ['base64 of gzip', 'H4sIAAAAAAAAA6secret', merge, 'TEMPLATE.USER_DATA_UNKNOWN', /compressed/],
    ['PowerShell', '<powershell>secret</powershell>', merge, 'TEMPLATE.USER_DATA_UNKNOWN', /PowerShell/],
    ['something else', 'secret', merge, 'TEMPLATE.USER_DATA_UNKNOWN', /not known/],
    ['TOML on Amazon Linux', '[settings]\nsecret = 1', merge, 'TEMPLATE.USER_DATA_UNKNOWN', /TOML/],
    ['a script on Bottlerocket', '#!/bin/sh secret', bottlerocket, 'TEMPLATE.USER_DATA_UNKNOWN', /kind/],
    ['TOML with a mistake', '[settings]\nsecret = "a', bottlerocket, 'TEMPLATE.USER_DATA_UNKNOWN', /no valid TOML/],
    [
      'a table that is none',
      'settings.kubernetes = "secret"',
      bottlerocket,
      'TEMPLATE.USER_DATA_UNKNOWN',
      /no valid TOML/,
    ],
    [
      'too much',
      `#!/bin/sh\n# secret ${'x'.repeat(16_300)}`,
      merge,
      'TEMPLATE.USER_DATA_TOO_LONG',
      /bytes, and EC2 takes 16384/,
    ],
  ];
  for (const [name, source, how, code, says] of cases) {
    it(name, () => {
      const added = how === bottlerocket ? '[settings.kubernetes]\nmax-pods = 110\n' : ours;
      assert.throws(() => mergeUserData(source, added, how), refusedAs(code));
      assert.throws(() => mergeUserData(source, added, how), says);
    });
  }
});

describe('values of the cluster', () => {
  const cluster = { name: 'demo', endpoint: 'https://x.eks', certificateAuthorityData: 'Q0E=' };
  it('are filled into ours', () => {
    const text =
      '{{clusterName}} {{clusterEndpoint}} {{clusterCertificateAuthority}} {{clusterServiceCidr}} {{clusterDnsIp}} {{other}}';
    assert.equal(
      fillClusterValues(text, { ...cluster, serviceCidr: '10.100.0.0/16' }),
      'demo https://x.eks Q0E= 10.100.0.0/16 10.100.0.10 {{other}}',
    );
  });
  it('have to be known where they are asked for', () => {
    assert.throws(() => fillClusterValues('{{clusterDnsIp}}', cluster), refusedAs('CLUSTER.SERVICE_RANGE'));
    assert.equal(fillClusterValues('{{clusterName}}', cluster), 'demo');
  });
});
