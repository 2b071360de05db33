/** The interpreter that a task names: on the PATH, or by its path, below the root of the project where that is relative. */
import { constants } from 'node:fs';
import { access, stat } from 'node:fs/promises';
import { delimiter, isAbsolute, join, resolve } from 'node:path';
import { MlopsError } from '../../lib/error.ts';

/** PL220 where there is none that can be run. */
export async function findInterpreter(name: string, root: string, path: string): Promise<string> {
  if (name.includes('/')) {
    const file = resolve(root, name);
    if (await canRun(file)) return file;
    const where = isAbsolute(name) ? name : `${name} below ${root}`;
    throw new MlopsError('PL220', {
      detail: `There is no program ${where} that this account may run.`,
      hint: name.endsWith('bin/python')
        ? `make the environment on the machine of the daemon: python3 -m venv ${name.slice(0, -'/bin/python'.length)}`
        : 'name an interpreter that is there, such as python3',
    });
  }
  for (const folder of path.split(delimiter)) {
    const file = join(folder, name);
    if (folder !== '' && (await canRun(file))) return file;
  }
  throw new MlopsError('PL220', {
    detail: `There is no program ${name} on the PATH of the daemon.`,
    hint: 'install it there, or name the interpreter by its path, such as .venv/bin/python',
  });
}

async function canRun(file: string): Promise<boolean> {
  try {
    await access(file, constants.X_OK);
    return (await stat(file)).isFile();
  } catch {
    return false;
  }
}
