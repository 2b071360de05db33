/** Whether what a wait_for task waits for is there. Asked by the attempt and, while the task waits, by the watcher. */
import { stat } from 'node:fs/promises';
import { resolve } from 'node:path';
import { MlopsError } from '../../lib/error.ts';
import { compileExpression } from '../../lib/expression.ts';
import type { JsonObject } from '../../lib/json.ts';
import type { TaskOf } from '../../spec/canonical-specs.ts';
import { callHttp } from '../http/http-call.ts';
import { httpCall, unexpected } from '../http/http-request.ts';
import type { OperatorContext } from './operator.ts';
import { asOutputs } from './upstream-outputs.ts';

export type ConditionContext = Pick<
  OperatorContext,
  | 'signal'
  | 'log'
  | 'runId'
  | 'pipeline'
  | 'task'
  | 'params'
  | 'inputs'
  | 'instant'
  | 'resolve'
  | 'root'
  | 'newestRun'
  | 'now'
> & { readonly services: Pick<OperatorContext['services'], 'query'> };

/** What `that` may read. */
export const CONDITION_VARIABLES = ['params', 'outputs', 'run', 'now'] as const;

export interface Found {
  readonly holds: boolean;
  /** What is waited for, in words. */
  readonly what: string;
  readonly outputs: JsonObject;
}

export async function conditionHolds(task: TaskOf<'wait_for'>, context: ConditionContext): Promise<Found> {
  if (task.file !== undefined) return fileIsThere(task.file, context);
  if (task.http !== undefined) return answers(task.http, context);
  if (task.query !== undefined) return hasRows(task.query, context);
  if (task.pipeline !== undefined) return hasRun(task.pipeline, context);
  return isTrue(task.that ?? 'false', context);
}

async function fileIsThere(file: string, { root }: ConditionContext): Promise<Found> {
  const found = await stat(resolve(root, file)).catch(() => undefined);
  return {
    holds: found !== undefined,
    what: `the file ${file}`,
    outputs: found === undefined ? {} : { file, bytes: found.size, changedAt: found.mtime.toISOString() },
  };
}

async function answers(http: NonNullable<TaskOf<'wait_for'>['http']>, context: ConditionContext): Promise<Found> {
  const call = httpCall(http, context.resolve, `${context.runId}/${context.task}`);
  const what = `${call.url.origin}${call.url.pathname}`;
  try {
    const answer = await callHttp(call, context.signal);
    return { holds: unexpected(answer, http.expect) === undefined, what, outputs: asOutputs(answer) };
  } catch (error) {
    // Nobody there yet is what waiting is for.
    if (error instanceof MlopsError && error.code === 'PL222') return { holds: false, what, outputs: {} };
    throw error;
  }
}

async function hasRows(query: NonNullable<TaskOf<'wait_for'>['query']>, context: ConditionContext): Promise<Found> {
  const { rows } = await context.services.query({ operator: 'sql_query', query, needs: [] }, context);
  return { holds: rows > 0, what: 'rows of its query', outputs: { rows } };
}

async function hasRun(pipeline: string, { newestRun, instant }: ConditionContext): Promise<Found> {
  const run = await newestRun(pipeline);
  const holds = run !== undefined && run.finishedAt !== null && run.finishedAt.getTime() >= instant.getTime();
  return {
    holds,
    what: `a run of ${pipeline} that succeeds`,
    outputs: holds ? { runId: run.runId, finishedAt: run.finishedAt?.toISOString() ?? null } : {},
  };
}

function isTrue(that: string, context: ConditionContext): Found {
  const value = compileExpression(that, CONDITION_VARIABLES, { documents: true }).evaluate({
    params: context.params,
    outputs: context.inputs,
    run: { id: context.runId, pipeline: context.pipeline, instant: context.instant.toISOString() },
    now: context.now.toISOString(),
  });
  return { holds: value === true, what: that, outputs: {} };
}
