/** Runs a config file in TypeScript or JavaScript, with `import … from 'mlops'` answered by this package itself. */
import { AsyncLocalStorage } from 'node:async_hooks';
import { join } from 'node:path';
import { CODES } from '../lib/codes.ts';
import type { Diagnostic } from '../lib/diagnostics.ts';
import * as builders from './builders.ts';
import { COLLECTOR, type ResourceValue, resourceOf } from './resource-value.ts';
import { sql } from './sql-tag.ts';
import { framesOf } from './typescript-place.ts';

export interface LoadedModule {
  /** The default export; undefined where there is none. */
  readonly exported: unknown;
  /** Every resource that a builder made, in order. */
  readonly built: readonly ResourceValue[];
  readonly diagnostics: readonly Diagnostic[];
}

export async function loadTypescript(
  path: string,
  root: string,
  fileName: (path: string) => string,
): Promise<LoadedModule> {
  const { createJiti } = await import('jiti');
  const jiti = createJiti(path, {
    // Read again on every load: a daemon or a test may load a file that was edited.
    moduleCache: false,
    fsCache: join(root, '.mlops', 'cache', 'typescript'),
    interopDefault: false,
    virtualModules: { mlops: { ...builders, sql } },
  });
  const collected: unknown[] = [];
  try {
    const module = await collecting(collected, () => jiti.import<{ default?: unknown }>(path));
    return { exported: module.default, built: collected.flatMap((ref) => resourceOf(ref) ?? []), diagnostics: [] };
  } catch (error) {
    return { exported: undefined, built: [], diagnostics: [loadFailure(error, path, fileName)] };
  }
}

let loads = 0;

/** After the last load the store is off again: while it is on, every promise of the process costs more. */
async function collecting<T>(collected: unknown[], load: () => Promise<T>): Promise<T> {
  loads += 1;
  try {
    return await collector().run(collected, load);
  } finally {
    loads -= 1;
    if (loads === 0) collector().disable();
  }
}

/** One for the process, also where another copy of this package made it. */
function collector(): AsyncLocalStorage<unknown[]> {
  const scope = globalThis as { [COLLECTOR]?: AsyncLocalStorage<unknown[]> };
  scope[COLLECTOR] ??= new AsyncLocalStorage();
  return scope[COLLECTOR];
}

function loadFailure(error: unknown, path: string, fileName: (path: string) => string): Diagnostic {
  // A config may throw anything, null included.
  const { message = String(error), stack } = (error ?? {}) as { message?: string; stack?: string };
  // The transformer tells the place of a syntax error in its message only; anything else is placed where it was thrown.
  const syntax = /^ParseError: (.*?)\s*\n\s*(.+):(\d+):(\d+)/s.exec(message);
  const thrown = framesOf(stack).find(
    (frame) => /\.[cm]?[jt]sx?$/.test(frame.path) && !frame.path.startsWith(import.meta.dirname),
  );
  const place =
    syntax?.[2] === undefined
      ? (thrown ?? { path, line: 1, column: 1 })
      : { path: syntax[2], line: Number(syntax[3]), column: Number(syntax[4]) + 1 };
  const start = { line: place.line, column: place.column };
  const name = error instanceof Error && error.name !== 'Error' ? `${error.name}: ` : '';
  return {
    code: 'SP002',
    severity: 'error',
    summary: CODES.SP002,
    detail: syntax === null ? `${name}${message.split('\n')[0]}` : `${syntax[1]}.`,
    at: { file: fileName(place.path), start, end: { line: start.line, column: start.column + 1 } },
  };
}
