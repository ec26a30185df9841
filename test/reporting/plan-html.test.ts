import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import type { Finding } from '../../src/domain/finding.ts';
import type { MigrationPlan } from '../../src/domain/plan.ts';
import type { ClusterSnapshot } from '../../src/domain/snapshot.ts';
import { planHtml } from '../../src/reporting/formats/plan-html.ts';
import { planMarkdown } from '../../src/reporting/formats/plan-markdown.ts';
import { reportStyle } from '../../src/reporting/formats/report-style.ts';
import { aNode, anInterface, aSnapshot, aSubnet } from '../support/snapshot.ts';
import { samplePlan, setting } from './sample.ts';

const finding = (severity: Finding['severity'], text: string): Finding => ({
  code: 'SUBNET.NO_FREE_PREFIX',
  severity,
  subject: `subnet-${text}`,
  summary: `summary ${text}`,
  why: `why ${text}`,
  nextActions: [`kubectl get ${text}`, `sentence ${text}`],
});

/** A plan and its snapshot with this text wherever a cluster, a person or another tool has a say. */
function named(text: string): [MigrationPlan, ClusterSnapshot] {
  const plan: MigrationPlan = {
    ...samplePlan,
    cluster: { ...samplePlan.cluster, name: `prod${text}`, region: text, kubernetesVersion: text },
    findings: [finding('blocking', text), finding('advice', text)],
    order: { ...samplePlan.order, reason: `reason ${text}` },
    vpcCni: {
      ...samplePlan.vpcCni,
      owner: { tool: 'helm', name: text, evidence: text },
      version: text,
      how: 'wait-for-owner',
      settings: [setting(text, { configured: text, live: text, setBy: text, target: `${text}1`, change: 'conflict' })],
      instructions: [`helm upgrade ${text}`],
    },
    nodegroups: samplePlan.nodegroups.map((group) => ({
      ...group,
      source: text,
      replacement: text,
      instanceTypes: [text],
      maxPods: { ...group.maxPods, limitedBy: text },
    })),
    subnets: samplePlan.subnets.map((subnet) => ({ ...subnet, availabilityZone: `zone ${text}` })),
    steps: samplePlan.steps.map((step) => ({ ...step, summary: text })),
    forecast: { ...samplePlan.forecast, criticalWorkload: text },
  };
  const snapshot = aSnapshot({
    nodes: [aNode({ name: 'n1', nodegroupName: text, instanceId: 'i-old' })],
    subnets: samplePlan.subnets.map(({ subnetId, cidr }) =>
      aSubnet({ subnetId, cidr, availabilityZone: `zone ${text}`, availableIpAddressCount: 9 }),
    ),
    networkInterfaces: [
      anInterface({ subnetId: 'subnet-0bb2', instanceId: 'i-old', addresses: ['10.0.2.20'], description: text }),
      anInterface({ subnetId: 'subnet-0bb2', instanceId: null, addresses: ['10.0.2.40'], description: 'ELB app/a' }),
    ],
  });
  return [plan, snapshot];
}

const withoutStyle = (page: string): string => page.replace(/<style>[\s\S]*?<\/style>/, '');
const voidElements = ['!doctype', 'meta'];

/** Every tag with its attributes' names, in order; throws when a tag is not closed where it should be. */
function tagsOf(page: string): string[] {
  const open: string[] = [];
  const tags: string[] = [];
  for (const [, closing, name = '', attributes = ''] of withoutStyle(page).matchAll(
    /<(\/?)([!a-z][a-z0-9]*)([^>]*)>/gi,
  )) {
    const found = name.toLowerCase();
    const keys = [...attributes.matchAll(/\s([a-zA-Z:-]+)=/g)].map(([, key]) => key);
    tags.push(`${closing}${found} ${keys.join(' ')}`);
    if (voidElements.includes(found) || attributes.endsWith('/')) continue;
    if (closing === '/') assert.equal(open.pop(), found);
    else open.push(found);
  }
  assert.deepEqual(open, []);
  return tags;
}

const page = planHtml(...named('x'));

test('the report stands alone: no script, nothing loaded, nothing to run', () => {
  const tags = new Set(tagsOf(page).map((tag) => tag.split(' ')[0]));
  for (const name of ['script', 'link', 'img', 'iframe', 'object', 'form', 'a', 'base'])
    assert.ok(!tags.has(name), name);
  assert.doesNotMatch(
    page.replaceAll('http://www.w3.org/2000/svg', ''),
    /https?:|url\(|@import|\son[a-z]+=|javascript:/i,
  );
  assert.match(
    page,
    /<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">/,
  );
});

test('the report can be read by everybody: language, one title, headings in order, tables with headers, pictures with names', () => {
  assert.match(page, /^<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">/);
  assert.equal(page.match(/<h1>/g)?.length, 1);
  const levels = [...page.matchAll(/<h(\d)>/g)].map(([, level]) => Number(level));
  for (const [index, level] of levels.entries()) assert.ok(level <= (levels[index - 1] ?? 0) + 1, `h${level}`);
  const tables = [...page.matchAll(/<table>([\s\S]*?)<\/table>/g)].map(([, inner = '']) => inner);
  assert.ok(tables.length >= 5);
  for (const table of tables) {
    assert.match(table, /^\n?<caption>[^<]+<\/caption>/);
    assert.match(table, /<th scope="col"/);
    const columns = table.match(/<th scope="col"/g)?.length ?? 0;
    for (const [, row = ''] of table.matchAll(/<tr>(<th scope="row">[\s\S]*?)<\/tr>/g)) {
      assert.equal(row.match(/<t[hd][ >]/g)?.length, columns);
    }
  }
  const pictures = [...page.matchAll(/role="img" aria-labelledby="(\S+) (\S+)"/g)];
  assert.equal(pictures.length, 4, 'each subnet now and after');
  for (const [, title, desc] of pictures) {
    assert.ok(page.includes(`<title id="${title}">`) && page.includes(`<desc id="${desc}">`));
  }
  const ids = [...page.matchAll(/\sid="([^"]+)"/g)].map(([, id]) => id);
  assert.equal(new Set(ids).size, ids.length, 'an id twice');
});

test('the report says what moves, in which order and why, what is short and when, and what to do', () => {
  for (const part of [
    '1 node group, 4 nodes, 60 pods move.',
    'Order: safe-flip (old nodes stay in service until the new ones are verified). reason x',
    'aws-node x (Helm x): apply waits until its owner has changed 0 of 1 setting.',
    'Make this change there; apply waits for it:</p><pre><code>helm upgrade x</code></pre>',
    '<td class="text">CONFLICT</td>',
    '<th scope="row">x</th><td class="text">x</td><td class="text">x</td><td class="number">4 → 4</td><td class="number">29 → 110</td>',
    '<li>subnet-0bb2 is 1 block short when the replacement grows to full size, 4 when the pods move to the replacement.</li>',
    '3 taken, <span class="bad">1 short</span>',
    '<pre><code>kubectl get x</code></pre>',
    '<p>sentence x</p>',
    '<span class="bad">does not fit</span>',
    '12 of 14 blocks free now, 13 when the old nodes are gone.',
    '13 of 14 blocks free, 4 with the new nodes.',
    '<td class="text">disruptive</td>',
  ]) {
    assert.ok(page.includes(part), part);
  }
});

test('nothing that a cluster says becomes markup', () => {
  const hostile = `<script>alert("1")</script><img src=x onerror='y'>&lt;]]>--><style>\u0000\u001b[31m\u202e\ud800`;
  const found = planHtml(...named(hostile));
  assert.deepEqual(tagsOf(found), tagsOf(page));
  assert.doesNotMatch(found, /\p{Cc}(?<!\n)|[\u202a-\u202e\ud800-\udfff]/u);
  assert.ok(
    found.includes(
      '&lt;script&gt;alert(&quot;1&quot;)&lt;/script&gt;&lt;img src=x onerror=&apos;y&apos;&gt;&amp;lt;]]&gt;',
    ),
  );
  fc.assert(
    fc.property(fc.string({ unit: 'binary', minLength: 1, maxLength: 12 }), (text) => {
      assert.deepEqual(tagsOf(planHtml(...named(`x${text}`))), tagsOf(page));
    }),
    { numRuns: 50 },
  );
});

test('the same plan gives the same bytes, and a plan with nothing to move a page that says so', () => {
  assert.equal(planHtml(...named('x')), page);
  const empty: MigrationPlan = { ...samplePlan, nodegroups: [], subnets: [], steps: [] };
  const found = planHtml(empty, aSnapshot());
  assert.match(found, /Nothing to move\./);
  tagsOf(found);
});

test('many subnets: those that do not fit are drawn first, the others are counted', () => {
  const [plan, snapshot] = named('x');
  const [fitting, short] = plan.subnets;
  assert.ok(fitting && short);
  const many = Array.from({ length: 20 }, (_, i) => ({ ...fitting, subnetId: `subnet-${i}` }));
  const subnets = [...many, short].map(({ subnetId, cidr }) => aSubnet({ subnetId, cidr }));
  const found = planHtml({ ...plan, subnets: [...many, short] }, { ...snapshot, subnets });
  assert.equal(found.match(/role="img"/g)?.length, 24);
  assert.match(found, /<title id="now-0-title">subnet-0bb2 /);
  assert.match(found, /<p>9 more subnets not drawn/);
});

/** Relative luminance of `#rrggbb` (WCAG 2.2). */
const luminance = (colour: string): number => {
  const [red = 0, green = 0, blue = 0] = [1, 3, 5]
    .map((at) => Number.parseInt(colour.slice(at, at + 2), 16) / 255)
    .map((part) => (part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4));
  return 0.2126 * red + 0.7152 * green + 0.0722 * blue;
};

test('the colours of text have enough contrast on paper and shade, light and dark', () => {
  const themes = [...reportStyle.matchAll(/--ink: [\s\S]*?\}/g)].map(([rules]) =>
    Object.fromEntries(
      [...rules.matchAll(/--([a-z]+): (#[0-9a-f]{6})/g)].map(([, name, value]) => [name, value ?? '']),
    ),
  );
  assert.equal(themes.length, 2);
  for (const theme of themes) {
    for (const ink of ['ink', 'dim', 'bad', 'warn', 'good']) {
      for (const ground of ['paper', 'shade']) {
        const [dark = 0, light = 0] = [luminance(theme[ink] ?? ''), luminance(theme[ground] ?? '')].toSorted(
          (a, b) => a - b,
        );
        assert.ok((light + 0.05) / (dark + 0.05) >= 4.5, `${ink} on ${ground}`);
      }
    }
  }
});

const lines = (text: string): string[] => planMarkdown(named(text)[0]).split('\n');
const cells = (line: string): number => line.replaceAll(/\\./g, '').split('|').length;

test('plan.md: nothing that a cluster says becomes markup or ends a cell', () => {
  const hostile = 'a|b`c*d[e](f)<script>\nx &lt; \\';
  const found = lines(hostile);
  const plainLines = lines('x');
  assert.equal(found.length, plainLines.length, 'no line more');
  for (const [index, line] of found.entries()) {
    if (!line.startsWith('|')) continue;
    assert.equal(cells(line), cells(plainLines[index] ?? ''), line);
  }
  const outsideCode = found.join('\n').replaceAll(/(`+) .*? \1(?!`)/g, '');
  assert.doesNotMatch(outsideCode, /(?<!\\)<script>|(?<!\\)\[e|(?<!\\)\*d/);
});
