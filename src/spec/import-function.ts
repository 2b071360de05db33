/** Loads a function of a code bundle, with `import … from 'mlops'` answered by this package itself, as for a config. */
import { resolve } from 'node:path';
import * as builders from './builders.ts';
import { sql } from './sql-tag.ts';
import type { TaskFunction } from './task-context.ts';

/** `reference` is `MODULE#EXPORT`, the module below the working directory. */
export async function importFunction(reference: string): Promise<TaskFunction> {
  const [file = '', exported = ''] = reference.split('#');
  const { createJiti } = await import('jiti');
  const path = resolve(file);
  // An attempt's directory is another each time: what it transforms is of no use to the next.
  const jiti = createJiti(path, {
    fsCache: false,
    interopDefault: false,
    virtualModules: { mlops: { ...builders, sql } },
  });
  const module = await jiti.import<Record<string, unknown>>(path);
  const found = module[exported];
  if (typeof found === 'function') return found as TaskFunction;
  throw new TypeError(`${file} exports no function "${exported}".`);
}
