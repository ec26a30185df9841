import type { AuditReport, NodeAudit, SubnetAudit } from '../../domain/audit.ts';
import { shortName } from '../../domain/short-name.ts';
import { columns, count, cut, hanging, paint, wrap } from '../text.ts';
import { findingLines, tally } from './findings.ts';
import { drawingLines } from './subnet-map-text.ts';

/** What `audit` prints: problems first, then the healthy nodes in one row per group, subnets, findings. */
export function auditText(report: AuditReport, options: { allNodes: boolean; colour: boolean }): string {
  const { cluster, findings } = report;
  const [first = '', ...rest] = hanging(`${cluster.name}  `, headline(report), 2);
  const lines = [first.replace(cluster.name, paint('bold', cluster.name, options.colour)), ...rest];
  if (report.nodes.length > 0) lines.push('', ...nodeLines(report.nodes, options.allNodes));
  if (report.subnets.length > 0) lines.push('', ...subnetLines(report, options.allNodes));
  const short = shortSubnets(report);
  for (const subnet of short.slice(0, shownMaps)) lines.push('', ...drawingLines(subnet, options.colour));
  if (short.length > shownMaps)
    lines.push('', `  ${count(short.length - shownMaps, 'more map')}: --json has all of them.`);
  lines.push('', `  ${findings.length > 0 ? tally(findings) : 'Nothing is wrong.'}`);
  lines.push(...findingLines(findings, options.colour));
  if (findings.length > 0 && report.healthy) lines.push('', '  Nothing is wrong.');
  return `${lines.join('\n')}\n`;
}

/** `14 nodes, 388 pods: 6 nodes on prefixes, 8 not` */
export function headline({ nodes, cluster }: AuditReport): string {
  const judged = nodes.filter(({ verdict }) => verdict !== 'not-judged');
  const inMode = (mode: NodeAudit['mode']): number => judged.filter((node) => node.mode === mode).length;
  const [onPrefixes, mixed] = [inMode('prefix'), inMode('mixed')];
  const not = judged.length - onPrefixes - mixed;
  const pods = nodes.reduce((sum, node) => sum + node.pods.total, 0);
  const all = `${count(nodes.length, 'node')}, ${count(pods, 'pod')}`;
  if (judged.length === 0) return nodes.length === 0 ? all : `${all}: no node judged`;
  const modes = [
    `${count(onPrefixes, 'node')} on prefixes`,
    ...(mixed > 0 ? [`${mixed} on both`] : []),
    ...(not > 0 ? [`${not} not`] : []),
    ...(nodes.length > judged.length ? [`${nodes.length - judged.length} not judged`] : []),
  ];
  return `${all}: ${modes.join(', ')}${cluster.prefixDelegation ? '' : ' (prefix delegation is off)'}`;
}

/** Cells of one row of the table of nodes. */
export interface NodeRow {
  name: string;
  group: string;
  mode: string;
  prefixes: string;
  pods: string;
  /** allocatable.pods */
  maxPods: string;
  /** what EKS would compute; `-` when that cannot be said */
  expected: string;
  why: string;
}

/** Rows of one kind that are shown before the rest of them is counted only. */
const shownAlike = 5;

/**
 * The rows of the table. Every node with something to say comes first, worst first, a few of those that are alike; nodes
 * that are fine or not judged are counted by group. With `allNodes` every node has its own row.
 */
export function nodeRows(nodes: readonly NodeAudit[], allNodes: boolean): NodeRow[] {
  if (allNodes) return sorted(nodes).map(rowOf);
  const told = sorted(nodes.filter(({ verdict }) => verdict === 'problem' || verdict === 'noted'));
  const alike = Map.groupBy(told, (node) => [node.group, node.mode, kindOfWhy(node)].join(' '));
  const rest = nodes.filter(({ verdict }) => verdict === 'fine' || verdict === 'not-judged');
  const groups = Map.groupBy(sorted(rest), (node) => [node.group, node.mode, whyText(node)].join(' '));
  return [
    ...[...alike.values()].flatMap((found) => {
      const more = found.slice(shownAlike);
      if (more.length <= 1) return found.map(rowOf);
      return [...found.slice(0, shownAlike).map(rowOf), summaryRow(more, `${more.length} more like it`)];
    }),
    ...[...groups.values()].map((found) => summaryRow(found, count(found.length, 'node'))),
  ];
}

const worstFirst: readonly NodeAudit['verdict'][] = ['problem', 'noted', 'fine', 'not-judged'];

const sorted = (nodes: readonly NodeAudit[]): NodeAudit[] =>
  nodes.toSorted(
    (a, b) =>
      worstFirst.indexOf(a.verdict) - worstFirst.indexOf(b.verdict) ||
      compare(a.group ?? '', b.group ?? '') ||
      compare(a.name, b.name),
  );

const compare = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0);

const kindOfWhy = ({ why }: NodeAudit): string => why.map(({ code }) => code).join(' ');
const whyText = ({ why }: NodeAudit): string => why.map(({ text }) => text).join('; ');

const expectedOf = ({ expectedMaxPods, verdict }: NodeAudit): string =>
  expectedMaxPods === null || verdict === 'not-judged' ? '-' : String(expectedMaxPods);

const rowOf = (node: NodeAudit): NodeRow => ({
  name: shortName(node.name),
  group: node.group ?? '-',
  mode: node.verdict === 'not-judged' ? '-' : node.mode,
  prefixes: String(node.prefixes),
  pods: String(node.pods.total),
  maxPods: String(node.maxPods),
  expected: expectedOf(node),
  why: whyText(node),
});

/** `2`, or `2-3` */
function span(values: readonly number[]): string {
  const [least, most] = [Math.min(...values), Math.max(...values)];
  return least === most ? String(least) : `${least}-${most}`;
}

function summaryRow(nodes: readonly NodeAudit[], name: string): NodeRow {
  const [first] = nodes.map(rowOf);
  return {
    name,
    group: first?.group ?? '-',
    mode: first?.mode ?? '-',
    prefixes: span(nodes.map(({ prefixes }) => prefixes)),
    pods: span(nodes.map(({ pods }) => pods.total)),
    maxPods: span(nodes.map(({ maxPods }) => maxPods)),
    expected:
      new Set(nodes.map(expectedOf)).size === 1
        ? (first?.expected ?? '-')
        : span(nodes.map(({ expectedMaxPods }) => expectedMaxPods ?? 0)),
    why: new Set(nodes.map(whyText)).size === 1 ? (first?.why ?? '') : '',
  };
}

/** WHY stands beside the row where there is room for it, and below it where there is not. */
function nodeLines(nodes: readonly NodeAudit[], allNodes: boolean): string[] {
  const rows = nodeRows(nodes, allNodes);
  const cells = rows.map((row) => [
    `  ${cut(row.name, 20)}`,
    cut(row.group, 20),
    row.mode,
    row.prefixes,
    row.pods,
    row.maxPods === row.expected || row.expected === '-' ? row.maxPods : `${row.maxPods}/${row.expected}`,
  ]);
  const [head = '', ...table] = columns(
    [['  NODE', 'GROUP', 'MODE', 'PREFIXES', 'PODS', 'MAX/EXP'], ...cells],
    [3, 4, 5],
  );
  const indent = Math.max(head.length, ...table.map((line) => line.length)) + 2;
  const room = 80 - indent;
  if (room < 21) {
    const below = rows.map(({ why }) => (why === '' ? [] : wrap(why, 74).map((line) => `      ${line}`)));
    return [head, ...table.flatMap((line, i) => [line, ...(below[i] ?? [])])];
  }
  const beside = (line: string, why: string): string[] =>
    wrap(why, room).map((part, i) => ((i === 0 ? line.padEnd(indent) : ' '.repeat(indent)) + part).trimEnd());
  return [...beside(head, 'WHY'), ...table.flatMap((line, i) => beside(line, rows[i]?.why ?? ''))];
}

/** So many of the subnets that are short are drawn. */
const shownMaps = 3;

/** So many subnets are listed in full. */
const shownSubnets = 12;

/** Subnets of nodes with fewer free blocks than there should be. */
export const shortSubnets = ({ subnets, minFreePrefixes }: AuditReport): SubnetAudit[] =>
  subnets.filter(({ freePrefixes, nodes }) => nodes > 0 && freePrefixes < minFreePrefixes);

function subnetLines(report: AuditReport, allNodes: boolean): string[] {
  const { subnets, minFreePrefixes } = report;
  const short = shortSubnets(report);
  const isShort = (subnet: SubnetAudit): boolean => short.includes(subnet);
  const inOrder = subnets.toSorted((a, b) => Number(isShort(b)) - Number(isShort(a)));
  const shown =
    allNodes || subnets.length <= shownSubnets ? inOrder : inOrder.slice(0, Math.max(shownSubnets, short.length));
  const rows = shown.map((subnet) => [
    `  ${subnet.subnetId}`,
    /\d+[a-z]$/.exec(subnet.availabilityZone)?.[0] ?? subnet.availabilityZone,
    String(subnet.freeAddresses),
    String(subnet.freePrefixes),
    String(subnet.nodes),
    isShort(subnet) ? `fewer than ${minFreePrefixes}` : '',
  ]);
  const more = subnets.length - shown.length;
  return [
    ...columns([['  SUBNET', 'ZONE', 'FREE', '/28 FREE', 'NODES', ''], ...rows], [2, 3, 4]),
    ...(more > 0 ? [`  and ${count(more, 'subnet')} more; --all-nodes shows every row`] : []),
  ];
}
