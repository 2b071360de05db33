/**
 * `Idempotency-Key` on a POST: the first answer is kept, and given again to every repetition of the same request.
 * Another request under the same key is refused; so is a repetition while the first is still being worked on.
 * An answer of 500 or more is not kept: trying again is then the point.
 */
import { digestOf } from '../lib/canonical.ts';
import { MlopsError } from '../lib/error.ts';
import type { IdempotencyStore } from '../stores/control/idempotency.ts';
import { toJson } from './json.ts';
import { problemOf } from './problem.ts';
import type { Answer } from './route.ts';

export interface Idempotency {
  run(
    asked: {
      readonly key: string;
      readonly caller: string;
      readonly request: { method: string; url: string; body: unknown };
    },
    work: () => Promise<Answer>,
  ): Promise<Answer>;
}

const MAX_KEY_LENGTH = 255;

export function createIdempotency(store: IdempotencyStore): Idempotency {
  return {
    run: async ({ key, caller, request }, work) => {
      if (key.length === 0 || key.length > MAX_KEY_LENGTH) {
        throw new MlopsError('API400', { detail: `An Idempotency-Key has 1 to ${MAX_KEY_LENGTH} characters.` });
      }
      const claim = await store.claim({ key, caller, requestDigest: digestOf(request) });
      switch (claim.state) {
        case 'answered':
          return {
            kind: 'text',
            status: claim.status,
            contentType:
              claim.status >= 400 ? 'application/problem+json; charset=utf-8' : 'application/json; charset=utf-8',
            text: claim.body,
          };
        case 'other_request':
          throw new MlopsError('API422', {
            detail: `The Idempotency-Key ${key} was used for another request.`,
            hint: 'use a new key for a new request',
          });
        case 'in_progress':
          throw new MlopsError('API409', {
            detail: `The first request with the Idempotency-Key ${key} is still being worked on.`,
            retryable: true,
          });
        case 'claimed':
          break;
      }
      try {
        const answer = await work();
        if (answer.kind === 'json') await store.keep({ key, caller, status: answer.status, body: toJson(answer.body) });
        else await store.abandon({ key, caller });
        return answer;
      } catch (error) {
        const problem = error instanceof MlopsError ? problemOf(error) : undefined;
        if (problem !== undefined && problem.status < 500 && problem.retryable !== true) {
          await store.keep({ key, caller, status: problem.status, body: toJson(problem) });
        } else await store.abandon({ key, caller });
        throw error;
      }
    },
  };
}
