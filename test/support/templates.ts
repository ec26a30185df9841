import { readFileSync } from 'node:fs';
import type { Templates } from '../../src/planning/plan.ts';

const read = (name: string): string =>
  readFileSync(new URL(`../../templates/user-data/${name}`, import.meta.url), 'utf8');

/** The program's own templates. */
export const templates: Templates = {
  userData: { al2023: read('al2023.mime'), al2: read('al2.mime'), bottlerocket: read('bottlerocket.toml') },
};
