/** Errors as MLflow's clients understand them: `{error_code, message}`, and the status that belongs to the code. */
import { MlopsError } from '../../lib/error.ts';
import type { Problem } from '../problem.ts';
import { type Answer, json } from '../route.ts';

const STATUS = {
  BAD_REQUEST: 400,
  INVALID_PARAMETER_VALUE: 400,
  RESOURCE_ALREADY_EXISTS: 400,
  UNAUTHENTICATED: 401,
  PERMISSION_DENIED: 403,
  ENDPOINT_NOT_FOUND: 404,
  RESOURCE_DOES_NOT_EXIST: 404,
  RESOURCE_CONFLICT: 409,
  INTERNAL_ERROR: 500,
  NOT_IMPLEMENTED: 501,
  TEMPORARILY_UNAVAILABLE: 503,
} as const;
export type MlflowErrorCode = keyof typeof STATUS;

const BY_CODE: Readonly<Record<string, MlflowErrorCode>> = {
  API400: 'BAD_REQUEST',
  API401: 'UNAUTHENTICATED',
  API403: 'PERMISSION_DENIED',
  API404: 'ENDPOINT_NOT_FOUND',
  EX201: 'RESOURCE_DOES_NOT_EXIST',
  EX202: 'RESOURCE_ALREADY_EXISTS',
  MD209: 'INVALID_PARAMETER_VALUE',
  SP106: 'INVALID_PARAMETER_VALUE',
  EX203: 'INVALID_PARAMETER_VALUE',
  MD201: 'RESOURCE_DOES_NOT_EXIST',
  MD203: 'RESOURCE_DOES_NOT_EXIST',
};
const BY_STATUS: Readonly<Record<number, MlflowErrorCode>> = {
  404: 'RESOURCE_DOES_NOT_EXIST',
  409: 'RESOURCE_CONFLICT',
  500: 'INTERNAL_ERROR',
  501: 'NOT_IMPLEMENTED',
  503: 'TEMPORARILY_UNAVAILABLE',
};

export function mlflowRefusal(problem: Problem): Answer {
  const code = BY_CODE[problem.code] ?? BY_STATUS[problem.status] ?? 'INVALID_PARAMETER_VALUE';
  const more = (problem.errors ?? []).map(({ pointer, detail }) => ` ${pointer}: ${detail}.`).join('');
  return json(STATUS[code], {
    error_code: code,
    message: `${problem.detail}${problem.hint === undefined ? '' : ` (${problem.hint})`}${more}`,
  });
}

/** What a request lacks or says wrongly. */
export function badValue(detail: string): MlopsError {
  return new MlopsError('EX204', { detail, status: 422 });
}
