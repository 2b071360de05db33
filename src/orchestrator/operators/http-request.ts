/** http_request: a request; its answer is the task's outputs. A server that is busy is left alone as long as it asks for. */
import type { HttpAnswer } from '../http/http-call.ts';
import { callHttp, retryAfterMs } from '../http/http-call.ts';
import { httpCall, unexpected } from '../http/http-request.ts';
import { TaskFailure } from '../task-failure.ts';
import type { Operator } from './operator.ts';
import { asOutputs } from './upstream-outputs.ts';

/** A request that nobody answers must end some time. */
const DEFAULT_TIMEOUT_MS = 60_000;
/** Of 4xx, those that may be otherwise a little later. */
const PASSING: ReadonlySet<number> = new Set([408, 423, 425, 429]);

export const httpRequest: Operator<'http_request'> = async (task, context) => {
  const call = httpCall(task, context.resolve, `${context.runId}/${context.task}`);
  const limit = AbortSignal.timeout(DEFAULT_TIMEOUT_MS);
  const signal = task.timeout === undefined ? AbortSignal.any([context.signal, limit]) : context.signal;
  const began = performance.now();
  const answer = await callHttp(call, signal).catch((error: unknown) => {
    if (!limit.aborted || context.signal.aborted) throw error;
    throw new TaskFailure('failed', null, `${call.url.origin} did not answer within ${DEFAULT_TIMEOUT_MS / 1000} s`);
  });
  context.log(
    `${call.method} ${answer.url}: ${answer.status} in ${Math.round(performance.now() - began)} ms${size(answer)}`,
  );
  const wrong = unexpected(answer, task.expect);
  if (wrong !== undefined) throw failure(wrong, answer);
  return asOutputs({ status: answer.status, headers: answer.headers, body: answer.body });
};

function failure(message: string, answer: HttpAnswer): TaskFailure {
  const { status } = answer;
  const busy = status === 429 || status === 503;
  return new TaskFailure('failed', null, message, {
    final: status >= 400 && status < 500 && !PASSING.has(status),
    ...(busy && { busy: { afterMs: retryAfterMs(answer, Date.now()) ?? 0 } }),
  });
}

function size({ body }: HttpAnswer): string {
  return body === null ? '' : `, ${Buffer.byteLength(typeof body === 'string' ? body : JSON.stringify(body))} bytes`;
}
