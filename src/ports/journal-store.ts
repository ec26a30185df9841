import type { JournalEntry, JournalLine } from '../domain/journal-entry.ts';

/** Append-only journal of one plan. `read` checks the chain; a torn last line is dropped (`tornTail`), other damage throws. */
export interface JournalStore {
  read(): Promise<{ lines: JournalLine[]; tornTail: boolean }>;
  /** Durable when it resolves (written and synced). Calls keep their order; the next may come before the last has resolved. */
  append(at: string, entry: JournalEntry): Promise<JournalLine>;
}
