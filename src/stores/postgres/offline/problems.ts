/** What goes wrong with the server of the offline store, in our own words: the driver's may hold an address. */
import { MlopsError } from '../../../lib/error.ts';
import { sqlState } from '../database.ts';

const AWAY: ReadonlySet<string> = new Set([
  'ECONNREFUSED',
  'ECONNRESET',
  'ENOTFOUND',
  'ENOENT',
  'EPIPE',
  'ETIMEDOUT',
  'EAI_AGAIN',
  'EHOSTUNREACH',
  'ENETUNREACH',
]);

const AWAY_MESSAGES: ReadonlySet<string> = new Set([
  'Connection terminated',
  'Connection terminated unexpectedly',
  'Connection terminated due to connection timeout',
  'timeout expired',
  'Query read timeout',
  'Client was closed and is not queryable',
  'Client has encountered a connection error and is not queryable',
]);

/** Undefined for an error of the statement. */
export function warehouseProblem(error: unknown): MlopsError | undefined {
  if (error instanceof MlopsError) return error;
  const state = sqlState(error);
  const code = (error as { code?: unknown } | null)?.code;
  const message = error instanceof Error ? error.message : String(error);
  if (state === '28P01' || state === '28000' || state === '3D000') {
    const what = state === '3D000' ? 'the database does not exist' : 'the server refuses the login';
    return new MlopsError('ST131', {
      detail: `The Postgres of the offline store cannot be used: ${what} (${state}).`,
      hint: 'check the user, the password and the database in its connection string',
      cause: error,
    });
  }
  if (state === '42501') {
    return new MlopsError('ST131', {
      detail: `The Postgres of the offline store refuses a right: ${message}.`,
      hint: 'the user needs CREATE and TEMPORARY on the database, or a schema of its own there',
      cause: error,
    });
  }
  if (state === '53100' || state === '53200') {
    return new MlopsError('ST131', {
      detail: `The Postgres of the offline store has no room: ${message}.`,
      retryable: true,
      cause: error,
    });
  }
  const away =
    (typeof code === 'string' && AWAY.has(code)) ||
    (state !== undefined && (state.startsWith('08') || state.startsWith('57') || state === '53300')) ||
    AWAY_MESSAGES.has(message) ||
    /\bSSL\b/.test(message);
  if (!away) return undefined;
  const why = state ?? (typeof code === 'string' ? code : /\bSSL\b/.test(message) ? 'TLS' : 'connection lost');
  return new MlopsError('ST130', {
    detail: `The Postgres of the offline store does not answer (${why}).`,
    hint: 'check that the server runs and that the address in its connection string is right',
    retryable: true,
    cause: error,
  });
}
