export interface ToolResult {
  /** null when it was ended by a signal */
  exitCode: number | null;
  /** of what it wrote, at most twenty, fit for a terminal */
  lastLines: string[];
}

/** Programs of others on the machine that this one runs on. */
export interface ToolsPort {
  /** Path of a new file that nobody else may read. It stays until the system clears its temporary folder, or `removeFile`. */
  temporaryFile(name: string, text: string): Promise<string>;
  removeFile(path: string): Promise<void>;
  /**
   * Runs a program to its end with these arguments, without a shell; `undefined` when it is not installed. It has the
   * environment of this process, and nothing to read. When `signal` aborts it is asked to end.
   */
  run(program: string, args: readonly string[], signal: AbortSignal): Promise<ToolResult | undefined>;
}
