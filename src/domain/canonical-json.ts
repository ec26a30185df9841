import { createHash } from 'node:crypto';

/** JSON with sorted keys and no whitespace; members that are undefined are left out. Equal data, equal text. */
export function canonicalJson(value: unknown): string {
  return JSON.stringify(value, (_key, member: unknown) => (isRecord(member) ? sorted(member) : member)) ?? 'null';
}

/**
 * JSON to be read by people as well: what could steer a terminal, or turn the direction of text, is escaped (DEL, C1, and the
 * marks of bidirectional text; JSON itself escapes C0). `indent`: spaces; one line without.
 */
export const plainJson = (value: unknown, indent?: number): string =>
  JSON.stringify(value, null, indent).replaceAll(
    /[\u007f-\u009f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069]/g,
    (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`,
  );

/** SHA-256 of UTF-8 text, 64 lower-case hex digits. */
export const sha256Hex = (text: string): string => createHash('sha256').update(text).digest('hex');

const isRecord = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

function sorted(record: Record<string, unknown>): Record<string, unknown> {
  const keys = Object.keys(record).toSorted((a, b) => (a < b ? -1 : 1));
  return Object.fromEntries(keys.map((key) => [key, record[key]]));
}
