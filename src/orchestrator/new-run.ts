/** A run of a pipeline before it is stored: its parameters checked, its tasks with their places and demands. */
import { MlopsError } from '../lib/error.ts';
import type { JsonObject } from '../lib/json.ts';
import { didYouMean } from '../lib/suggest.ts';
import { durationMs, sizeBytes } from '../lib/units.ts';
import type { CanonicalPipeline, CanonicalTask } from '../spec/canonical-specs.ts';
import type { NewRun, NewTask, RunCause } from '../stores/control/runs.ts';
import { runsAsProcess } from './operators/operator.ts';

export interface RunRequest {
  readonly runId: string;
  readonly spec: CanonicalPipeline;
  readonly params: JsonObject;
  readonly cause: RunCause;
  readonly gitCommit: string | null;
  readonly idempotencyKey: string | null;
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
    tasks: newTasks(spec),
  };
}

/** The run's values over the pipeline's defaults. PL205 for one that the pipeline does not have or of another type. */
export function runParams(spec: CanonicalPipeline, given: JsonObject): JsonObject {
  const defaults = spec.params ?? {};
  const values: Record<string, string | number | boolean> = { ...defaults };
  for (const [name, value] of Object.entries(given)) {
    if (value === undefined) continue;
    const fallback = Object.hasOwn(defaults, name) ? defaults[name] : undefined;
    if (fallback === undefined) {
      const known = Object.keys(defaults);
      throw new MlopsError('PL205', {
        detail:
          known.length === 0
            ? `The pipeline ${spec.name} has no parameters; "${name}" was given.`
            : `The pipeline ${spec.name} has no parameter "${name}".`,
        hint: didYouMean(name, known),
        address: `pipeline.${spec.name}`,
        status: 422,
      });
    }
    values[name] = typedParam(spec.name, name, value, fallback);
  }
  return values;
}

/** A text from the command line is read as the type of the default. */
function typedParam(
  pipeline: string,
  name: string,
  value: unknown,
  fallback: string | number | boolean,
): string | number | boolean {
  if (typeof value === typeof fallback && (typeof value !== 'number' || Number.isFinite(value)))
    return value as string | number | boolean;
  if (typeof value === 'string' && typeof fallback === 'number') {
    const number = Number(value);
    if (value.trim() !== '' && Number.isFinite(number)) return number;
  }
  if (typeof fallback === 'boolean' && (value === 'true' || value === 'false')) return value === 'true';
  throw new MlopsError('PL205', {
    detail: `The parameter "${name}" of pipeline ${pipeline} is a ${typeof fallback}; ${JSON.stringify(value)} was given.`,
    address: `pipeline.${pipeline}`,
    status: 422,
  });
}

function newTasks(spec: CanonicalPipeline): readonly NewTask[] {
  const names = Object.keys(spec.tasks);
  const position = new Map(names.map((name, ordinal) => [name, ordinal]));
  return Object.entries(spec.tasks).map(([name, task]) => ({
    name,
    operator: task.operator,
    trigger: task.trigger ?? 'all_success',
    when: task.when ?? null,
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
    deadlineMs: task.deadline === undefined ? null : durationMs(task.deadline),
    ...demandOf(task),
  }));
}

function demandOf(task: CanonicalTask): { readonly cpu: number; readonly memoryBytes: number; readonly gpu: number } {
  const { cpu, memory, gpu } = task.resources ?? {};
  return {
    cpu: cpu ?? (runsAsProcess(task) ? 1 : 0),
    memoryBytes: memory === undefined ? 0 : sizeBytes(memory),
    gpu: gpu ?? 0,
  };
}
