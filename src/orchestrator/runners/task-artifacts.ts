/** Files that a program leaves for the tasks after it, and those that the tasks before it left. */
import { constants } from 'node:fs';
import { copyFile, lstat, mkdir, readdir } from 'node:fs/promises';
import { dirname, join, relative, sep } from 'node:path';
import { invariant } from '../../lib/assert.ts';
import { MlopsError } from '../../lib/error.ts';
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
      throw new MlopsError('PL224', {
        detail: `The program left more than ${MOST_FILES} files in MLOPS_ARTIFACTS.`,
        hint: 'pack them into one',
      });
    }
  }
  return found;
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
