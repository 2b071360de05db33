/**
 * run_pipeline: a run of another pipeline, under a key of this task: what runs already is joined, and what failed is taken up
 * where it failed, never started twice. While it runs this task holds nothing.
 */
import { MlopsError } from '../../lib/error.ts';
import type { JsonObject } from '../../lib/json.ts';
import { outcomeOf } from '../../stores/control/run-states.ts';
import type { RunRecord } from '../../stores/control/runs.ts';
import { Deferred } from '../deferred.ts';
import { TaskFailure } from '../task-failure.ts';
import type { Operator } from './operator.ts';

/** A pipeline that runs one that runs one: whoever has more of them has a circle. */
const DEEPEST = 10;
const LOOK_EVERY_MS = 60_000;
const LARGEST_OUTPUTS_BYTES = 768 * 1024;

export const runPipeline: Operator<'run_pipeline'> = async (task, context) => {
  const { cause, runId, task: name } = context;
  const depth = (cause.parent?.depth ?? 0) + 1;
  if (depth > DEEPEST) {
    throw new MlopsError('PL225', {
      detail: `This run is ${DEEPEST} deep: pipeline.${context.pipeline} was started by a task of a run that was started by a task, and so on.`,
      hint: 'see which pipelines start each other',
    });
  }
  const run = await context.children.start({
    pipeline: task.pipeline,
    params: (task.params ?? {}) as JsonObject,
    key: `pipeline_task/${runId}/${name}`,
    cause: {
      kind: 'pipeline_task',
      who: null,
      schedule: null,
      instant: cause.instant,
      parent: { runId, task: name, depth },
    },
  });
  if (run.status === 'succeeded') {
    context.log(`run ${run.runId} of ${task.pipeline} succeeded`);
    return outputsOf(run);
  }
  if (run.status === 'failed' || run.status === 'cancelled') {
    if (await context.waited())
      throw new TaskFailure('failed', null, `run ${run.runId} of ${task.pipeline} ${run.status}${firstError(run)}`);
    // An attempt after one that failed, or the whole run is tried again: so is what failed of the other.
    await context.children.retry(run.runId);
  }
  throw new Deferred({ what: `run ${run.runId} of ${task.pipeline}`, everyMs: LOOK_EVERY_MS, childRun: run.runId });
};

function outputsOf(run: RunRecord): JsonObject {
  const outputs = Object.fromEntries(
    run.tasks.flatMap((task) => (task.outputs === null ? [] : [[task.name, task.outputs]])),
  );
  if (Buffer.byteLength(JSON.stringify(outputs)) > LARGEST_OUTPUTS_BYTES) {
    throw new MlopsError('PL225', {
      detail: `The outputs of run ${run.runId} together are larger than ${LARGEST_OUTPUTS_BYTES} bytes.`,
      hint: 'keep what is large in an artifact or a table',
    });
  }
  return { runId: run.runId, outputs };
}

function firstError(run: RunRecord): string {
  const failed = run.tasks.find((task) => task.error !== null && outcomeOf(task.status) === 'failed');
  return failed === undefined ? '' : `: task ${failed.name}: ${failed.error}`;
}
