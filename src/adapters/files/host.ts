import { createHash, randomUUID } from 'node:crypto';
import { readFileSync, readlinkSync } from 'node:fs';
import { hostname, networkInterfaces } from 'node:os';
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

/**
 * Identity of this run for locks: `host~machine_pid.began_uuid`, or `host~machine_pid_uuid` where the beginning is unknown.
 * Machines and containers often have the same host name, so that `machine` tells them apart.
 */
export function newHolderId(): string {
  const { began } = thisProcess();
  return `${thisMachine()}_${pid}${began === undefined ? '' : `.${began}`}_${randomUUID()}`;
}

/** Host name, and a hash of what tells its processes from those of another of this name: `runner~1f0c9a72` */
function thisMachine(): string {
  const networks = Object.values(networkInterfaces()).flatMap((each) => each?.map(({ mac }) => mac) ?? []);
  const told = (read: () => string): string => {
    try {
      return read();
    } catch {
      // no /proc: the network cards tell machines apart
      return [...new Set(networks)].toSorted().join();
    }
  };
  const start = told(() => readFileSync('/proc/sys/kernel/random/boot_id', 'utf8'));
  const processes = told(() => readlinkSync('/proc/self/ns/pid'));
  return `${hostname()}~${createHash('sha256').update(`${start} ${processes}`).digest('hex').slice(0, 8)}`;
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
  return match?.[1] === thisMachine() && isGone({ host: hostname(), pid: Number(match[2]), began: match[3] });
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
