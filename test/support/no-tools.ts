import type { ToolsPort } from '../../src/ports/tools.ts';

/** A machine on which nothing else is installed. */
export const noTools: ToolsPort = {
  temporaryFile: async (name) => `/tmp/prefix-migrate-test/${name}`,
  removeFile: async () => undefined,
  run: async () => undefined,
};
