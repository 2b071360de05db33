/** Files that a program leaves for the tasks after it, and those that the tasks before it left. */
import { constants } from 'node:fs';
import { copyFile, lstat, mkdir, readdir, stat } from 'node:fs/promises';
import { dirname, join, relative, sep } from 'node:path';
import { invariant } from '../../lib/assert.ts';
import { MlopsError } from '../../lib/error.ts';
import { sizeInWords } from '../../lib/units.ts';
import { globPattern } from '../../spec/glob.ts';
import type { RunArtifact } from '../../stores/control/run-artifacts.ts';

const MOST_FILES = 1000;

export interface LeftFile {
  readonly path: string;
  readonly file: string;
}

/** Plain files below the directory, by path; links are none. PL224 where there are too many. */
export async function leftFiles(directory: string): Promise<readonly LeftFile[]> {
  const found: LeftFile[] = [];
  for (const entry of (await readdir(directory, { recursive: true })).sort()) {
    const file = join(directory, entry);
    if (!(await lstat(file)).isFile()) continue;
    found.push({ path: relative(directory, file).split(sep).join('/'), file });
    if (found.length > MOST_FILES) {
      throw tooMany(`left more than ${MOST_FILES} files in MLOPS_ARTIFACTS`);
    }
  }
  return found;
}

export interface ArtifactLimits {
  readonly fileBytes: number;
  /** Of all files of an attempt together. */
  readonly taskBytes: number;
}

export const DEFAULT_ARTIFACT_LIMITS: ArtifactLimits = { fileBytes: 2 ** 30, taskBytes: 4 * 2 ** 30 };

/** Plain files of the program's directory that the paths and globs name. PL224 names one that is not there. */
export async function declaredFiles(directory: string, patterns: readonly string[]): Promise<readonly LeftFile[]> {
  if (patterns.length === 0) return [];
  const there: string[] = [];
  for (const entry of (await readdir(directory, { recursive: true })).sort())
    if ((await lstat(join(directory, entry))).isFile()) there.push(entry.split(sep).join('/'));
  const found = new Set<string>();
  for (const pattern of patterns) {
    const test = globPattern(pattern.replace(/^\.\//, ''));
    const named = there.filter((path) => test.test(path));
    if (named.length === 0)
      throw new MlopsError('PL224', {
        detail: `The program left no ${pattern} in its directory, which its task declares among its artifacts.`,
        hint: 'let the program write it there, or take it out of artifacts',
      });
    for (const path of named) found.add(path);
  }
  return [...found].sort().map((path) => ({ path, file: join(directory, path) }));
}

/** The files, where they are few and small enough and no two are of one name. PL224. */
export async function withinLimits(
  files: readonly LeftFile[],
  { fileBytes, taskBytes }: ArtifactLimits,
): Promise<readonly LeftFile[]> {
  const paths = new Set<string>();
  let bytes = 0;
  for (const { path, file } of files) {
    if (paths.has(path))
      throw new MlopsError('PL224', {
        detail: `The program left ${path} both in its directory, as declared, and in MLOPS_ARTIFACTS.`,
        hint: 'leave it in one of them',
      });
    paths.add(path);
    const { size } = await stat(file);
    bytes += size;
    if (size > fileBytes) throw tooLarge(`${path} holds ${size} bytes`, 'a file', fileBytes, 'file');
  }
  if (bytes > taskBytes)
    throw tooLarge(`The files of the attempt hold ${bytes} bytes together`, 'a task', taskBytes, 'task');
  if (files.length > MOST_FILES) throw tooMany(`left more than ${MOST_FILES} files`);
  return files;
}

function tooLarge(what: string, of: string, limit: number, field: 'file' | 'task'): MlopsError {
  return new MlopsError('PL224', {
    detail: `${what}, more than the ${sizeInWords(limit)} that ${of} may leave.`,
    hint: `leave less, keep it elsewhere, or allow more: environments.NAME.artifacts.${field}`,
  });
}

function tooMany(what: string): MlopsError {
  return new MlopsError('PL224', { detail: `The program ${what}.`, hint: 'pack them into one' });
}

/** Copies of the program's own, so that it may do with them what it likes. */
export async function placeArtifacts(
  artifacts: readonly RunArtifact[],
  directory: string,
  artifactFile: (digest: string) => Promise<string>,
): Promise<void> {
  for (const { task, path, digest } of artifacts) {
    const target = join(directory, task, path);
    invariant(target.startsWith(directory + sep), `an artifact leaves its directory: ${path}`);
    await mkdir(dirname(target), { recursive: true });
    await copyFile(await artifactFile(digest), target, constants.COPYFILE_FICLONE);
  }
}
