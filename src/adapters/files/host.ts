import { randomUUID } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { hostname } from 'node:os';
import { kill, pid } from 'node:process';
import { errorCode } from './file-error.ts';

/** Who runs: enough to find the process again. */
export interface Owner {
  host: string;
  pid: number;
  /** when it began, as the system counts it: tells it from a later process of the same number; absent where unknown */
  began?: string | undefined;
}

export const thisProcess = (): Owner => ({ host: hostname(), pid, began: seenInProc(pid)?.began });

/** Identity of this run for locks: `host_pid.began_uuid`, or `host_pid_uuid` where the beginning is unknown. */
export function newHolderId(): string {
  const { host, began } = thisProcess();
  return `${host}_${pid}${began === undefined ? '' : `.${began}`}_${randomUUID()}`;
}

/** Whether it is a process of this machine that has ended. Of other machines nothing can be known. */
export function isGone(owner: Owner): boolean {
  if (owner.host !== hostname()) return false;
  const found = seenInProc(owner.pid);
  if (found !== undefined) {
    return found.ended || (owner.began !== undefined && found.began !== owner.began);
  }
  if (owner.pid === pid) return false;
  try {
    kill(owner.pid, 0);
    return false;
  } catch (error) {
    // EPERM: it lives, and belongs to somebody else
    return errorCode(error) === 'ESRCH';
  }
}

/** The same for a holder named by `newHolderId`. */
export function isHolderGone(holder: string): boolean {
  const match = /^(.+)_(\d+)(?:\.(\d+))?_[0-9a-f-]{36}$/.exec(holder);
  return match !== null && isGone({ host: match[1] ?? '', pid: Number(match[2]), began: match[3] });
}

/**
 * What Linux tells of a process: whether it has ended and only waits for its parent to notice (`kill` still finds it then),
 * and when it began, in ticks since the machine started (proc_pid_stat(5), fields 3 and 22). Undefined when there is no such
 * process, or no /proc.
 */
function seenInProc(id: number): { ended: boolean; began: string } | undefined {
  let text: string;
  try {
    text = readFileSync(`/proc/${id}/stat`, 'utf8');
  } catch {
    // not there, or not to be read: a signal can tell
    return undefined;
  }
  // the name of the program stands in parentheses and may hold anything
  const fields = text.slice(text.lastIndexOf(')') + 2).split(' ');
  const [state = ''] = fields;
  const began = fields[19];
  return began === undefined ? undefined : { ended: 'ZXx'.includes(state), began };
}
