/** Steps, findings, node groups and subnets: what the plan and the journal say of them. */

import type { Finding } from '../../domain/finding.ts';
import type { JournalLine } from '../../domain/journal-entry.ts';
import type { MigrationPlan } from '../../domain/plan.ts';
import { pendingStep, type RunState } from '../../domain/run-state.ts';
import { shellWord } from '../../domain/shell-word.ts';
import type { Explained, Fact } from '../../reporting/formats/explain-text.ts';
import { bySeverity } from '../../reporting/formats/findings.ts';
import { sentence } from '../../reporting/formats/log-text.ts';
import {
  capacityWords,
  memoryWords,
  nodeSentence,
  shortageSentence,
  stageTitles,
} from '../../reporting/formats/plan-words.ts';
import { count, dateTime } from '../../reporting/text.ts';
import { roleOf } from './explain-pod.ts';
import type { Sight } from './explain-sight.ts';
import { findingCodes } from './explain-subject.ts';

const mostEntries = 8;
const mostFindings = 10;

const facts = (...all: Fact[]): Fact[] => all.filter(({ lines }) => lines.length > 0);

/** What a step does, how far it is, and what it waits for. */
export function explainStep(
  id: string,
  plan: MigrationPlan,
  run: RunState,
  lines: readonly JournalLine[],
  folder: string,
): Explained {
  const subject = { kind: 'step' as const, name: id };
  const step = plan.steps.find((candidate) => candidate.id === id);
  if (step === undefined) throw new Error(`no step ${id}`);
  const state = run.steps[id] ?? pendingStep();
  const waitsFor = step.dependsOn.filter((other) => run.steps[other]?.status !== 'succeeded');
  const entries = lines.filter(({ entry }) => 'stepId' in entry && entry.stepId === id);
  const more = entries.length - mostEntries;
  const words = {
    pending: waitsFor.length > 0 ? `Not begun: it waits for ${waitsFor.join(', ')}.` : 'Not begun: it is its turn.',
    started: `Begun ${dateTime(state.startedAt ?? '')}, and not done.`,
    succeeded: `Done ${dateTime(state.endedAt ?? '')}: ${state.detail ?? ''}.`,
    failed: `Failed: ${state.failure?.message ?? ''}`,
  };
  return {
    subject,
    answer: words[state.status],
    facts: facts(
      { label: 'does', lines: [step.summary] },
      { label: 'phase', lines: [`${step.phase} (${step.impact})`] },
      { label: 'after', lines: step.dependsOn.length === 0 ? [] : [step.dependsOn.join(', ')] },
      { label: 'why', lines: state.failure === null ? [] : [state.failure.why] },
      {
        label: 'journal',
        lines: [
          ...(more > 0 ? [`${more} earlier entries`] : []),
          ...entries.slice(-mostEntries).map(({ at, entry }) => `${dateTime(at)} ${sentence(entry)}`),
        ],
      },
    ),
    nextActions: [
      ...(state.failure?.nextActions ?? []),
      ...(state.status === 'succeeded' ? [] : [`prefix-migrate explain ${shellWord(folder)}`]),
    ],
  };
}

/** What a code means, and where the plan has it. */
export function explainFinding(code: string, { findings }: MigrationPlan): Explained {
  const known = findingCodes.find((candidate) => candidate.code === code);
  const found = bySeverity(findings.filter((finding) => finding.code === code));
  const shown = found.slice(0, mostFindings);
  const more = found.length - shown.length;
  const accepted = known?.canBeAllowed === true ? ` Where it blocks, --allow ${code} accepts it.` : '';
  return {
    subject: { kind: 'finding', name: code },
    answer: `${known?.meaning ?? ''}${accepted} ${found.length === 0 ? 'The plan has none.' : `The plan has ${found.length}.`}`,
    facts: [
      ...shown.map((finding) => ({
        label: labelOf(finding),
        lines: [`${finding.subject}: ${finding.summary}`, finding.why],
      })),
      ...(more > 0 ? [{ label: '', lines: [`and ${more} more`] }] : []),
    ],
    nextActions: [...new Set(shown.flatMap(({ nextActions }) => nextActions))].slice(0, mostFindings),
  };
}

export const labelOf = ({ severity, allowed }: Finding): string => (allowed === true ? 'allowed' : severity);

/** A source or a replacement: what takes the place of what, and how many nodes there are. */
export function explainNodegroup(name: string, plan: MigrationPlan, sight: Sight, folder: string): Explained {
  const group = plan.nodegroups.find(({ source, replacement }) => source === name || replacement === name);
  if (group === undefined) throw new Error(`no node group ${name}`);
  const nodes = sight.nodes.filter(({ nodegroupName }) => nodegroupName === name);
  const cordoned = nodes.filter(({ unschedulable }) => unschedulable).length;
  const pods = sight.pods.filter(({ nodeName }) => nodes.some((node) => node.name === nodeName)).length;
  const size = capacityWords(group);
  return {
    subject: { kind: 'nodegroup', name },
    answer:
      group.source === name
        ? `It is replaced by ${group.replacement}: ${count(group.pods, 'pod')} had to move when the plan was made.`
        : `It takes the place of ${group.source}.`,
    facts: facts(
      {
        label: 'nodes',
        lines: [
          nodes.length === 0
            ? `none that is ${roleOf(name, plan)}`
            : `${nodes.length}, ${cordoned} cordoned, ${count(pods, 'pod')} on them`,
        ],
      },
      { label: 'new nodes', lines: [nodeSentence(group)] },
      { label: 'memory', lines: memoryWords(group) === '' ? [] : [`allocatable ${memoryWords(group)} (estimate)`] },
      { label: 'size', lines: size === '' ? [] : [`${size} (estimate)`] },
      { label: 'no room', lines: group.capacity.unplaced.slice(0, 5) },
      { label: 'subnets', lines: [group.subnetIds.join(', ')] },
    ),
    nextActions: plan.steps
      .filter(({ id }) => id.endsWith(`/${group.source}`))
      .slice(-1)
      .map(({ id }) => `prefix-migrate explain ${shellWord(folder)} ${id}`),
  };
}

/** Whether the plan fits into a subnet, stage by stage. */
export function explainSubnet(subnetId: string, plan: MigrationPlan, folder: string): Explained {
  const subnet = plan.subnets.find((candidate) => candidate.subnetId === subnetId);
  if (subnet === undefined) throw new Error(`no subnet ${subnetId}`);
  const { freePrefixes, freeAddresses, peakDemand, freePrefixesAfter, timeline } = subnet;
  const short = shortageSentence(subnet);
  const about = plan.findings.filter((finding) => finding.subject.includes(subnetId));
  return {
    subject: { kind: 'subnet', name: subnetId },
    answer: short === '' ? 'The plan fits into it.' : short,
    facts: facts(
      { label: 'subnet', lines: [`${subnet.cidr} in ${subnet.availabilityZone}`] },
      {
        label: 'free',
        lines: [
          `${freeAddresses} addresses, ${count(freePrefixes, '/28 block')}; only whole aligned blocks become prefixes`,
        ],
      },
      {
        label: 'needed',
        lines: [`${count(peakDemand, 'block')} at the worst moment; ${freePrefixesAfter} free when the plan is done`],
      },
      {
        label: 'stages',
        lines: timeline.map(
          ({ stage, taken, left }) =>
            `${stageTitles[stage]}: ${taken < 0 ? `${-taken} given back` : `${taken} taken`}, ${left} left`,
        ),
      },
      { label: 'map', lines: [`block by block in ${folder}/report.html`] },
      { label: 'findings', lines: about.map(({ code, summary }) => `${code}: ${summary}`) },
    ),
    nextActions: [...new Set(about.flatMap(({ nextActions }) => nextActions))],
  };
}
