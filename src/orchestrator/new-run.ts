/** A run of a pipeline before it is stored: its parameters checked, its tasks with their places and demands. */
import { MlopsError } from '../lib/error.ts';
import type { JsonObject } from '../lib/json.ts';
import { didYouMean } from '../lib/suggest.ts';
import { durationMs } from '../lib/units.ts';
import type { CanonicalPipeline, CanonicalTask } from '../spec/canonical-specs.ts';
import { checkParam, declaredParams } from '../spec/params.ts';
import type { NewRun, NewTask, RunCause } from '../stores/control/runs.ts';
import { demandOf, NOTHING, sharesOf } from './demand.ts';
import { asksItems } from './items.ts';

export interface RunRequest {
  readonly runId: string;
  readonly spec: CanonicalPipeline;
  readonly params: JsonObject;
  readonly cause: RunCause;
  readonly gitCommit: string | null;
  readonly idempotencyKey: string | null;
  /** Whether the environment names a cluster. Default: it does not. */
  readonly hasCluster?: boolean | undefined;
}

export function newRun(request: RunRequest): NewRun {
  const { spec } = request;
  return {
    runId: request.runId,
    pipeline: spec.name,
    spec,
    params: runParams(spec, request.params),
    cause: request.cause,
    gitCommit: request.gitCommit,
    idempotencyKey: request.idempotencyKey,
    tasks: newTasks(spec, request.hasCluster ?? false),
  };
}

/** The run's values over the pipeline's defaults. PL205 for one that the pipeline does not have or take, and for one that is missing. */
export function runParams(spec: CanonicalPipeline, given: JsonObject): JsonObject {
  const declared = declaredParams(spec);
  const refused = (detail: string, hint?: string): MlopsError =>
    new MlopsError('PL205', { detail, hint, address: `pipeline.${spec.name}`, status: 422 });
  const values: Record<string, string | number | boolean | null> = {};
  for (const [name, param] of Object.entries(declared)) values[name] = param.default ?? null;
  for (const [name, value] of Object.entries(given)) {
    if (value === undefined) continue;
    const param = Object.hasOwn(declared, name) ? declared[name] : undefined;
    if (param === undefined) {
      const known = Object.keys(declared);
      const detail =
        known.length === 0
          ? `The pipeline ${spec.name} has no parameters; "${name}" was given.`
          : `The pipeline ${spec.name} has no parameter "${name}".`;
      throw refused(detail, didYouMean(name, known));
    }
    const verdict = checkParam(param, value);
    if ('problem' in verdict)
      throw refused(`The parameter "${name}" of pipeline ${spec.name} ${verdict.problem}.`, param.description);
    values[name] = verdict.value;
  }
  const missing = Object.entries(declared).flatMap(([name, { required }]) =>
    required === true && (values[name] ?? null) === null ? [name] : [],
  );
  if (missing.length > 0)
    throw refused(
      `The pipeline ${spec.name} needs the ${missing.length === 1 ? 'parameter' : 'parameters'} ${missing.map((name) => `"${name}"`).join(', ')}.`,
      `mlops run ${spec.name} ${missing.map((name) => `--param ${name}=…`).join(' ')}`,
    );
  return values;
}

function newTasks(spec: CanonicalPipeline, hasCluster: boolean): readonly NewTask[] {
  const names = Object.keys(spec.tasks);
  const position = new Map(names.map((name, ordinal) => [name, ordinal]));
  return Object.entries(spec.tasks).map(([name, task]) => ({
    name,
    operator: task.operator,
    trigger: task.trigger ?? 'all_success',
    // Where it reads the item it is asked of each, once they are known.
    when: asksItems(task) ? null : (task.when ?? null),
    needs: [...new Set(task.needs)].map((upstream) => {
      const ordinal = position.get(upstream);
      if (ordinal === undefined) {
        throw new MlopsError('SP104', {
          detail: `The task ${name} of pipeline ${spec.name} needs "${upstream}", which is no task of it.`,
          hint: didYouMean(upstream, names),
          address: `pipeline.${spec.name}`,
        });
      }
      return ordinal;
    }),
    priority: task.priority ?? 0,
    deadlineMs: deadlineOf(task),
    // Finding its items takes nothing; their tasks do.
    ...(task.forEach === undefined ? demandOf(task, hasCluster) : NOTHING),
    shares: task.forEach === undefined ? sharesOf(spec, task) : null,
  }));
}

/** Of a task that waits, the timeout is for the waiting: over all its attempts, like a deadline. */
export function deadlineOf(task: CanonicalTask): number | null {
  const limits = [task.deadline, task.operator === 'wait_for' ? task.timeout : undefined];
  const known = limits.flatMap((limit) => (limit === undefined ? [] : [durationMs(limit)]));
  return known.length === 0 ? null : Math.min(...known);
}
