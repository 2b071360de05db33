/**
 * Every error leaves the HTTP interface as application/problem+json (RFC 9457): `type`, `title`, `status`, `code`,
 * `detail`, `hint`, and `errors[]` with JSON pointers into the request's body. What is not a MlopsError is ours:
 * it is logged in full and told as API500 without its message, which may hold what a client must not see.
 */
import { CODES, type DiagnosticCode } from '../lib/codes.ts';
import type { Diagnostic } from '../lib/diagnostics.ts';
import { MlopsError } from '../lib/error.ts';
import { snakeCaseKeys } from './json.ts';

export interface FieldError {
  /** JSON pointer into the body, e.g. `/features/0/dtype`; with a query or path parameter, its name. */
  readonly pointer: string;
  readonly detail: string;
  readonly code?: string;
}

export interface Problem {
  readonly type: string;
  readonly title: string;
  readonly status: number;
  readonly code: DiagnosticCode;
  readonly detail: string;
  readonly hint?: string | undefined;
  readonly address?: string | undefined;
  readonly retryable?: boolean;
  readonly errors?: readonly FieldError[];
  readonly [extra: string]: unknown;
}

/** By code where the error does not say; families otherwise fall back to 422: understood, and not possible. */
const STATUS_BY_CODE: Partial<Record<DiagnosticCode, number>> = {
  API400: 400,
  API401: 401,
  API403: 403,
  API404: 404,
  API409: 409,
  API422: 422,
  API500: 500,
  AP101: 409,
  AP102: 409,
  AP105: 409,
  PL201: 404,
  PL202: 404,
  PL204: 409,
  FS201: 404,
  MD201: 404,
  MD202: 409,
  MD203: 404,
  MD206: 409,
  NT101: 404,
  NT102: 502,
  NT103: 404,
  EP201: 404,
  EP202: 409,
  EX201: 404,
  EX202: 409,
  EX203: 409,
  EX205: 400,
  ST101: 503,
  ST102: 503,
  ST103: 503,
  ST104: 503,
  ST106: 503,
  ST120: 503,
  ST121: 503,
  ST122: 503,
  ST123: 503,
  ST124: 503,
  ST130: 503,
  ST140: 503,
  ST141: 503,
  ST142: 503,
  ST143: 503,
  ST131: 503,
  ST132: 503,
};

export function statusOf(error: MlopsError): number {
  return error.status ?? STATUS_BY_CODE[error.code] ?? (error.code.startsWith('ST') ? 500 : 422);
}

const typeOf = (code: DiagnosticCode): string => `urn:mlops:problem:${code}`;

export function problemOf(error: MlopsError): Problem {
  const errors = error.diagnostics.map(fieldErrorOf);
  return {
    type: typeOf(error.code),
    title: error.summary,
    status: statusOf(error),
    code: error.code,
    detail: error.detail,
    ...(error.hint !== undefined && { hint: error.hint }),
    ...(error.address !== undefined && { address: error.address }),
    ...(error.retryable && { retryable: true }),
    ...(error.data !== undefined && (snakeCaseKeys(error.data) as Record<string, unknown>)),
    ...(errors.length > 0 && { errors }),
  };
}

/** For what is no MlopsError. The caller logs the error itself. */
export function internalProblem(): Problem {
  return problemOf(
    new MlopsError('API500', {
      detail: 'The request failed for a reason of our own.',
      hint: 'the log of the daemon says why',
    }),
  );
}

/** The body or a parameter has the wrong shape. */
export function shapeProblem(errors: readonly FieldError[], where: string): Problem {
  const first = errors[0];
  const code = where === 'body' ? 'API422' : 'API400';
  return {
    type: typeOf(code),
    title: CODES[code],
    status: where === 'body' ? 422 : 400,
    code,
    detail:
      errors.length === 1 && first !== undefined
        ? `The ${where} has a mistake at ${first.pointer || '/'}: ${first.detail}.`
        : `The ${where} has ${errors.length} mistakes.`,
    hint: 'GET /openapi.json describes every request',
    errors,
  };
}

/** A diagnostic of a spec that came as a request's body. */
function fieldErrorOf(diagnostic: Diagnostic): FieldError {
  const hint = diagnostic.hint === undefined ? '' : ` (${diagnostic.hint})`;
  return { pointer: diagnostic.pointer ?? '', code: diagnostic.code, detail: `${diagnostic.detail}${hint}` };
}
