/** What becomes of a task when those before it end, and of a run when all its tasks did. Pure. */
import { assertNever } from '../lib/assert.ts';
import { MlopsError } from '../lib/error.ts';
import { compileExpression } from '../lib/expression.ts';
import { outcomeOf } from '../stores/control/run-states.ts';
import type { EndedTask, PendingTask, RunFacts, RunRules, Settlement } from '../stores/control/runs.ts';

/** What an expression in `when` may read. */
export const WHEN_VARIABLES = ['params', 'outputs', 'run'] as const;

export const runRules: RunRules = { settle, result };

/**
 * With F failed, timed out, crashed, cancelled or itself upstream_failed, S succeeded, K skipped:
 *
 *     all_success   every one S                       else F: upstream_failed at once · K: skipped
 *     none_failed   every one S or K                  else F: upstream_failed at once
 *     all_done      every one at its end
 *     always        every one at its end
 *     one_success   one S, at once                    else F: upstream_failed · K: skipped
 *     one_failed    one F, at once                    else skipped
 */
function settle(task: PendingTask, run: RunFacts): Settlement {
  const to = byTrigger(task);
  return to === 'ready' && task.when !== null ? byCondition(task.when, run) : { to };
}

function byTrigger({ trigger, needs }: PendingTask): 'pending' | 'ready' | 'skipped' | 'upstream_failed' {
  if (needs.total === 0) return 'ready';
  const open = needs.total - needs.succeeded - needs.failed - needs.skipped;
  switch (trigger) {
    case 'all_success':
      if (needs.failed > 0) return 'upstream_failed';
      if (open > 0) return 'pending';
      return needs.skipped > 0 ? 'skipped' : 'ready';
    case 'none_failed':
      if (needs.failed > 0) return 'upstream_failed';
      return open > 0 ? 'pending' : 'ready';
    case 'all_done':
    case 'always':
      return open > 0 ? 'pending' : 'ready';
    case 'one_success':
      if (needs.succeeded > 0) return 'ready';
      if (open > 0) return 'pending';
      return needs.failed > 0 ? 'upstream_failed' : 'skipped';
    case 'one_failed':
      if (needs.failed > 0) return 'ready';
      return open > 0 ? 'pending' : 'skipped';
    default:
      return assertNever(trigger, 'trigger rule');
  }
}

/** Throws where it is neither true nor false. */
export function evaluatedCondition(when: string, values: Readonly<Record<string, unknown>>): boolean {
  const value = compileExpression(when, Object.keys(values)).evaluate(values);
  if (typeof value === 'boolean') return value;
  throw new MlopsError('SP114', {
    detail: `\`when\` is ${JSON.stringify(value) ?? String(value)}, neither true nor false: ${when}`,
  });
}

function byCondition(when: string, run: RunFacts): Settlement {
  try {
    const met = evaluatedCondition(when, {
      params: run.params,
      outputs: run.outputs,
      run: { id: run.runId, pipeline: run.pipeline, cause: run.cause.kind, instant: run.cause.instant },
    });
    return { to: met ? 'ready' : 'skipped' };
  } catch (error) {
    if (error instanceof MlopsError) return { to: 'failed', error: error.message };
    throw error;
  }
}

/**
 * A run fails when any task failed that nothing tolerated, wherever it stands in the graph. Tolerated is a failure whose
 * dependents went on without it: each of them is a `one_success` task that succeeded, or fell with it and is tolerated
 * itself. Tasks that run whatever happened (`all_done`, `always`, `one_failed`: cleaning up, telling people) tolerate nothing.
 */
function result(tasks: readonly EndedTask[]): 'succeeded' | 'failed' {
  const failed = tasks.map((task) => outcomeOf(task.status) === 'failed');
  if (!failed.includes(true)) return 'succeeded';
  const upstream = tasks.map((): number[] => []);
  tasks.forEach((task, ordinal) => {
    for (const dependent of task.dependents) upstream[dependent]?.push(ordinal);
  });
  const tolerated = new Set<number>();
  const tolerates = (ordinal: number): boolean => {
    const counting = (tasks[ordinal]?.dependents ?? []).filter((dependent) => !runsRegardless(tasks[dependent]));
    return (
      counting.length > 0 &&
      counting.every(
        (dependent) =>
          tolerated.has(dependent) ||
          (tasks[dependent]?.trigger === 'one_success' && tasks[dependent].status === 'succeeded'),
      )
    );
  };
  const toLookAt = tasks.map((_, ordinal) => ordinal);
  for (let ordinal = toLookAt.pop(); ordinal !== undefined; ordinal = toLookAt.pop()) {
    if (!failed[ordinal] || tolerated.has(ordinal) || !tolerates(ordinal)) continue;
    tolerated.add(ordinal);
    toLookAt.push(...(upstream[ordinal] ?? []));
  }
  return failed.some((itFailed, ordinal) => itFailed && !tolerated.has(ordinal)) ? 'failed' : 'succeeded';
}

function runsRegardless(task: EndedTask | undefined): boolean {
  return task?.trigger === 'all_done' || task?.trigger === 'always' || task?.trigger === 'one_failed';
}
