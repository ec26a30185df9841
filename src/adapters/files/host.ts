import { randomUUID } from 'node:crypto';
import { hostname } from 'node:os';
import { kill, pid } from 'node:process';
import { errorCode } from './file-error.ts';

/** Who runs: enough to find the process again. */
export interface Owner {
  host: string;
  pid: number;
}

export const thisProcess = (): Owner => ({ host: hostname(), pid });

/** Identity of this run for locks: `host_pid_uuid`. */
export const newHolderId = (): string => `${hostname()}_${pid}_${randomUUID()}`;

/** Whether it is a process of this machine that has ended. Of other machines nothing can be known. */
export function isGone(owner: Owner): boolean {
  if (owner.host !== hostname() || owner.pid === pid) return false;
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
  const match = /^(.+)_(\d+)_[0-9a-f-]{36}$/.exec(holder);
  return match !== null && isGone({ host: match[1] ?? '', pid: Number(match[2]) });
}
