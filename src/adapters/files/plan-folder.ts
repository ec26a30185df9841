import { lstat, mkdir, readdir, readFile, realpath, rm, stat } from 'node:fs/promises';
import { dirname, isAbsolute, join, relative, resolve, sep } from 'node:path';
import { ExitCode, MigrateError } from '../../domain/migrate-error.ts';
import { shellWord } from '../../domain/shell-word.ts';
import { writeAtomically } from './atomic-write.ts';
import { errorCode, onFile } from './file-error.ts';
import { readPlainFile } from './read-file.ts';

export { fileLock, readFileLock, removeFileLock } from './file-lock.ts';
export { fileJournalStore } from './journal-file.ts';

export const planFile = 'plan.json';
export const journalFile = 'journal.ndjson';
/** others may look, whatever the umask says */
const folderMode = 0o755;

/**
 * Writes the plan folder: `files` by path relative to it, `plan.json` among them, which comes last, so that a folder with
 * a plan is whole. A folder whose plan was begun (it has a journal) is never written to.
 *
 * @throws MigrateError `PLAN.BEGUN` (exit 2), `FILES.*` (exit 2)
 */
export async function writePlanFolder(dir: string, files: Readonly<Record<string, string>>): Promise<void> {
  const plan = files[planFile];
  if (plan === undefined) throw new Error(`a plan folder without ${planFile}`);
  const folder = resolve(dir);
  await makeFolder(folder);
  await refuseBegun(folder);
  const others = Object.entries(files).filter(([path]) => path !== planFile);
  const existing = await readOptional(join(folder, planFile));
  for (const [path, text] of others) await writeInside(folder, path, text);
  for (const sub of ['user-data', 'bare-pods']) await removeLeftovers(folder, sub, files);
  // somebody may have begun the old plan while the files were written
  await refuseBegun(folder);
  if (existing === plan) return;
  const target = join(folder, planFile);
  await onFile('write', target, () => writeAtomically(target, plan, { exclusive: existing === undefined })).catch(
    (error: unknown) => {
      if (errorCode(error) !== 'EEXIST') throw error;
      throw new MigrateError({
        code: 'PLAN.EXISTS',
        message: `${target} was written by somebody else just now.`,
        why: 'A plan file is never overwritten without having been looked at.',
        nextActions: ['run the same command again', 'prefix-migrate plan --cluster CLUSTER --out OTHER-DIR'],
        exitCode: ExitCode.invalidInput,
      });
    },
  );
}

/** One more file into a plan folder (a report, an export), replacing an older one. Returns its path. */
export async function writeIntoPlanFolder(dir: string, path: string, text: string): Promise<string> {
  if (path === planFile || path === journalFile) throw new Error(`${path} is not written this way`);
  return writeInside(resolve(dir), path, text);
}

/**
 * The folder and the bytes of its plan, from the path of either.
 *
 * @throws MigrateError `PLAN.NOT_FOUND`, `FILES.*` (exit 2)
 */
export async function readPlanFolder(path: string): Promise<{ dir: string; planText: string }> {
  const given = resolve(path);
  const isFolder = await stat(given).then(
    (found) => found.isDirectory(),
    (error: unknown) => {
      if (errorCode(error) === 'ENOENT') throw noPlan(given);
      return onFile('read', given, () => Promise.reject(error));
    },
  );
  const file = isFolder ? join(given, planFile) : given;
  const planText = await readOptional(file);
  if (planText === undefined) throw noPlan(given);
  return { dir: dirname(file), planText };
}

/** The text of one file of a plan folder, undefined when it is not there. */
export async function readFromPlanFolder(dir: string, path: string): Promise<string | undefined> {
  return readOptional(await pathInside(resolve(dir), path));
}

/** Every file below a folder as text, by path relative to it with `/`. */
export async function readTemplates(dir: string): Promise<Record<string, string>> {
  const root = resolve(dir);
  return onFile('read the templates in', root, async () => {
    const entries = await readdir(root, { recursive: true, withFileTypes: true });
    const files = entries.filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath, entry.name));
    const texts = files.toSorted().map(async (file): Promise<[string, string]> => {
      return [relative(root, file).split(sep).join('/'), await readFile(file, 'utf8')];
    });
    return Object.fromEntries(await Promise.all(texts));
  });
}

async function makeFolder(folder: string): Promise<void> {
  await onFile('create the folder', folder, () => makeFolders(folder));
  if ((await stat(folder)).isDirectory()) return;
  throw new MigrateError({
    code: 'FILES.NOT_A_FOLDER',
    message: `${folder} is a file.`,
    why: 'The plan is a folder with several files.',
    nextActions: ['prefix-migrate plan --cluster CLUSTER --out OTHER-DIR'],
    exitCode: ExitCode.invalidInput,
  });
}

/**
 * The folder and those above it. Node's own `recursive` hides why it failed (a read-only file system is told as ENOENT), and
 * never ends below /proc.
 */
async function makeFolders(folder: string): Promise<void> {
  const make = async (): Promise<void> => {
    await mkdir(folder, folderMode).catch((error: unknown) => {
      if (errorCode(error) !== 'EEXIST') throw error;
    });
  };
  try {
    await make();
  } catch (error) {
    if (errorCode(error) !== 'ENOENT' || dirname(folder) === folder) throw error;
    await makeFolders(dirname(folder));
    await make();
  }
}

async function refuseBegun(folder: string): Promise<void> {
  const journal = await readOptional(join(folder, journalFile));
  if (journal === undefined || journal === '') return;
  throw new MigrateError({
    code: 'PLAN.BEGUN',
    message: `${folder} holds a plan that was begun.`,
    why: `Its ${journalFile} says what was done by that plan, so the plan must stay as it is.`,
    nextActions: [
      `prefix-migrate status ${shellWord(folder)}`,
      `prefix-migrate apply ${shellWord(folder)}`,
      'prefix-migrate plan --cluster CLUSTER --out OTHER-DIR',
    ],
    exitCode: ExitCode.invalidInput,
  });
}

async function writeInside(folder: string, path: string, text: string): Promise<string> {
  const target = await pathInside(folder, path);
  await onFile('write', target, async () => {
    await mkdir(dirname(target), { recursive: true, mode: folderMode });
    // the folder may be a link that was there before
    await pathInside(folder, path);
    await writeAtomically(target, text);
  });
  return target;
}

/** @throws MigrateError `FILES.OUTSIDE_FOLDER` when the path, or a link on it, leads out of the folder */
async function pathInside(folder: string, path: string): Promise<string> {
  const target = resolve(folder, path);
  const root = await onFile('read', folder, () => realpath(folder));
  const parent = await deepestExisting(dirname(target));
  const isLink = await lstat(target).then(
    (found) => found.isSymbolicLink(),
    () => false,
  );
  const lexically = !isAbsolute(path) && isWithin(folder, target) && target !== folder;
  if (lexically && isWithin(root, await realpath(parent)) && !isLink) return target;
  throw new MigrateError({
    code: 'FILES.OUTSIDE_FOLDER',
    message: `${path} leads out of ${folder}.`,
    why: 'Only files inside the plan folder are read and written, and no links.',
    nextActions: ['put a plain file or folder in its place', 'prefix-migrate plan --cluster CLUSTER --out OTHER-DIR'],
    exitCode: ExitCode.invalidInput,
  });
}

const isWithin = (root: string, path: string): boolean => path === root || path.startsWith(root + sep);

async function deepestExisting(dir: string): Promise<string> {
  const exists = await lstat(dir).then(
    () => true,
    () => false,
  );
  return exists || dirname(dir) === dir ? dir : deepestExisting(dirname(dir));
}

/** Files of a former plan that this one does not have. */
async function removeLeftovers(folder: string, sub: string, files: Readonly<Record<string, string>>): Promise<void> {
  const dir = join(folder, sub);
  const names = await readdir(dir).catch((error: unknown): string[] => {
    if (errorCode(error) === 'ENOENT') return [];
    throw error;
  });
  const old = names.filter((name) => files[`${sub}/${name}`] === undefined);
  for (const name of old) await onFile('remove', join(dir, name), () => rm(join(dir, name), { force: true }));
}

async function readOptional(path: string): Promise<string | undefined> {
  return (await onFile('read', path, () => readPlainFile(path)))?.text;
}

function noPlan(path: string): MigrateError {
  return new MigrateError({
    code: 'PLAN.NOT_FOUND',
    message: `There is no plan in ${path}.`,
    why: `Neither a ${planFile} nor a folder that has one was found there.`,
    nextActions: ['prefix-migrate plan --cluster CLUSTER --out DIR'],
    exitCode: ExitCode.invalidInput,
  });
}
