/** Errors in the words of the protocol: `{"error": …}`, with what to do in the same sentence. */
import type { Problem } from '../problem.ts';
import { type Answer, json } from '../route.ts';

/** For `refuse` of a route. */
export function inferenceRefusal(problem: Problem): Answer {
  const first = problem.errors?.[0];
  const more =
    first === undefined || problem.detail.includes(first.detail) ? '' : ` (${first.pointer}: ${first.detail})`;
  const hint = problem.hint === undefined ? '' : `; ${problem.hint}`;
  return json(problem.status, { error: `${problem.code} ${problem.detail}${more}${hint}` }, headersOf(problem));
}

function headersOf(problem: Problem): Readonly<Record<string, string>> | undefined {
  if (problem.status === 401) return { 'www-authenticate': 'Bearer' };
  return problem.status === 503 && problem.retryable === true ? { 'retry-after': '1' } : undefined;
}
