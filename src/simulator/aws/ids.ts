import type { Random } from '../types.ts';

/** Names of new things, as AWS forms them, from one stream of the seed. */
export interface Ids {
  /** `resource("i-")` is `i-0` and 16 digits. */
  resource(prefix: string): string;
  uuid(): string;
  mac(): string;
}

export function createIds(random: Random): Ids {
  const hex = (length: number): string => Array.from({ length }, () => random.int(0, 15).toString(16)).join('');
  return {
    resource: (prefix) => `${prefix}0${hex(16)}`,
    uuid: () => `${hex(8)}-${hex(4)}-4${hex(3)}-a${hex(3)}-${hex(12)}`,
    mac: () => `02:${Array.from({ length: 5 }, () => hex(2)).join(':')}`,
  };
}
