import { readUserData } from './user-data.ts';

/** In NodeConfig, in the TOML of Bottlerocket, and as a flag of kubelet or of a bootstrap script. */
const setting = /\b(?:maxPods|max-pods)\b["']?(?:\s*[:=]\s*|\s+)["']?(\d+)/g;

/** Every number of pods that user data asks for, in its order: the last one counts. Null: it cannot be read. */
export function maxPodsIn(userData: string): number[] | null {
  const { form, parts } = readUserData(userData);
  if (form === 'compressed') return null;
  const bodies = parts.length === 0 ? [userData] : parts.map(({ body }) => body);
  return bodies.flatMap((body) => {
    const lines = body.split('\n').filter((line) => !/^\s*#/.test(line));
    return [...lines.join('\n').matchAll(setting)].map(([, number]) => Number(number));
  });
}
