import type { Finding } from '../domain/finding.ts';
import type { PlanRequest } from '../domain/plan.ts';
import { planCommand } from '../domain/plan-command.ts';
import type { Scope } from '../domain/scope.ts';
import type { ClusterSnapshot } from '../domain/snapshot.ts';

/** A code that a check can give, for `docs/findings.md` and for `--allow`. */
export interface FindingCode {
  code: string;
  /** what it means, in one sentence */
  meaning: string;
  /** whether a plan can be carried out all the same when a person accepts the finding with `--allow` */
  canBeAllowed: boolean;
}

/** One question to a snapshot. Pure; says nothing about what the scope does not touch. */
export interface Check {
  codes: FindingCode[];
  run(snapshot: ClusterSnapshot, scope: Scope): Finding[];
}

/** `a, b and 3 more` */
export function listed(names: readonly string[], shown = 5): string {
  const first = names.slice(0, shown).join(', ');
  return names.length > shown ? `${first} and ${names.length - shown} more` : first;
}

/** `1 pod`, `2 pods` */
export const count = (number: number, noun: string, many = `${noun}s`): string =>
  `${number} ${number === 1 ? noun : many}`;

/** The command that plans the same again, but for this. What is to be allowed comes on top of what is allowed already. */
export const planAgain = ({ request }: Scope, change: Partial<PlanRequest> = {}): string =>
  planCommand({ ...request, ...change, allow: [...new Set([...request.allow, ...(change.allow ?? [])])] });
