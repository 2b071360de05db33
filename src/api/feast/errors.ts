/**
 * Errors in Feast's words. Its server answers a JSON text that holds `{module, class, message}`, from which its client makes
 * the exception again; shapes are refused as FastAPI does. Where Feast answers 500 to what the request got wrong, the status
 * is 422 here: its client would send a 500 three times more, and then not say why.
 */
import { MlopsError } from '../../lib/error.ts';
import type { Problem } from '../problem.ts';
import { type Answer, json } from '../route.ts';

type FeastClass =
  | 'FeatureViewNotFoundException'
  | 'FeatureServiceNotFoundException'
  | 'FeastObjectNotFoundException'
  | 'FeatureNameCollisionError'
  | 'PushSourceNotFoundException'
  | 'FeastError';

/** Its problem becomes that class for Feast's clients. */
export function feastError(feastClass: FeastClass, status: 404 | 422, message: string): MlopsError {
  return new MlopsError(status === 404 ? 'FS201' : 'API422', { detail: message, status, data: { feastClass } });
}

/** For `refuse` of a route. */
export function feastRefusal(problem: Problem): Answer {
  if (problem.status === 401) return json(401, { detail: problem.detail }, { 'www-authenticate': 'Bearer' });
  if (problem.errors !== undefined && problem.errors.length > 0) {
    const where = ({ pointer }: { readonly pointer: string }): readonly (string | number)[] => [
      'body',
      ...pointer
        .split('/')
        .slice(1)
        .map((part) => (/^\d+$/.test(part) ? Number(part) : part)),
    ];
    return json(422, {
      detail: problem.errors.map((error) => ({ type: 'value_error', loc: where(error), msg: error.detail })),
    });
  }
  const named = problem['feast_class'];
  const message = typeof named === 'string' ? problem.detail : `${problem.code} ${problem.detail}`;
  const headers = problem.status === 503 && problem.retryable === true ? { 'retry-after': '1' } : undefined;
  const detail = { module: 'feast.errors', class: typeof named === 'string' ? named : 'FeastError', message };
  return json(problem.status, JSON.stringify(detail), headers);
}
