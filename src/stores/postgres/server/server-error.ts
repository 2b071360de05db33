import { readFile } from 'node:fs/promises';
import { MlopsError } from '../../../lib/error.ts';

/** ST103, with what the server said last. */
export function serverError(
  detail: string,
  more: { readonly hint?: string; readonly log?: string; readonly cause?: unknown } = {},
): MlopsError {
  const said = more.log?.trim();
  return new MlopsError('ST103', {
    detail: said ? `${detail} It said:\n${said}` : detail,
    hint: more.hint ?? 'set control.postgres of the environment to a Postgres server of your own',
    cause: more.cause,
  });
}

/** The last lines that were written to a log from a position on. */
export async function logTail(file: string, from: number, lines = 15): Promise<string> {
  const bytes = await readFile(file).catch(() => Buffer.alloc(0));
  return bytes.subarray(from).toString('utf8').trim().split('\n').slice(-lines).join('\n');
}
