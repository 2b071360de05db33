/**
 * A task with `cache` takes over what an attempt before gave that had the same code, settings and inputs. The key is worked out when
 * the attempt begins, from what it would work on; what is taken over is checked to be there still.
 */
import { digestOf } from '../lib/canonical.ts';
import { compileExpression } from '../lib/expression.ts';
import type { JsonObject, JsonValue } from '../lib/json.ts';
import { packageVersion } from '../lib/package.ts';
import { durationMs } from '../lib/units.ts';
import type { CanonicalPipeline, CanonicalTask } from '../spec/canonical-specs.ts';
import type { LeaseRef, RunRecord } from '../stores/control/runs.ts';
import type { KeptResult, Reuse, TaskCacheStore } from '../stores/control/task-cache.ts';
import { Deferred } from './deferred.ts';
import { WHEN_VARIABLES } from './rules.ts';
import type { TaskLog } from './task-log.ts';

export interface TaskCache {
  readonly store: TaskCacheStore;
  /** Whether an artifact is still in the store. */
  readonly isThere: (digest: string) => Promise<boolean>;
  /** Whether the result of a query is still in the offline store. */
  readonly tableIsThere: (location: string) => Promise<boolean>;
}

/** What an attempt took over. */
export interface Recall {
  reused: Reuse | null;
}

export interface CacheInputs {
  readonly lease: LeaseRef & { readonly item?: JsonValue | null | undefined };
  readonly run: Pick<RunRecord, 'params' | 'cause' | 'spec'>;
  /** Outputs of the tasks before it that it reads, by task. */
  readonly inputs: Readonly<Record<string, JsonObject>>;
  /** Of a task that works on what is in the stores: a digest of what it reads there. */
  readonly reads?: string | undefined;
}

/** The end of the work that is waited for is noticed without a look. */
const LOOK_EVERY_MS = 600_000;

/** Fields that say when, where and how often it runs, not what it does. */
const NOT_WHAT_IT_DOES: ReadonlySet<string> = new Set([
  'description',
  'needs',
  'trigger',
  'when',
  'retry',
  'timeout',
  'deadline',
  'queuedTimeout',
  'resources',
  'priority',
  'pool',
  'cache',
  'forEach',
  'concurrency',
]);

/** SHA-256 over everything that its result depends on. SP114 where `key` cannot be evaluated. */
export function cacheKey(task: CanonicalTask, { lease, run, inputs, reads }: CacheInputs): string {
  const settings = Object.fromEntries(Object.entries(task).filter(([field]) => !NOT_WHAT_IT_DOES.has(field)));
  const { key } = task.cache ?? {};
  const { kind: cause, instant } = run.cause;
  const given =
    key === undefined
      ? reads === undefined
        ? dependsOn(task, run, inputs)
        : { reads }
      : (compileExpression(key, WHEN_VARIABLES).evaluate({
          params: run.params,
          outputs: inputs,
          run: { id: lease.runId, pipeline: run.spec.name, cause, instant },
        }) as JsonValue);
  // What trains and evaluates is part of the program itself.
  const own = task.operator === 'model_training' || task.operator === 'model_evaluation' ? packageVersion() : null;
  return digestOf({ format: 1, settings, own, given: given ?? null, item: lease.item ?? null });
}

/** Trainers and evaluations read of the tasks before them what these made, not how long it took and which run it was. */
function dependsOn(task: CanonicalTask, run: CacheInputs['run'], inputs: CacheInputs['inputs']): JsonObject {
  const builtIn =
    task.operator === 'model_evaluation' || (task.operator === 'model_training' && task.trainer !== undefined);
  if (!builtIn) return { params: run.params, inputs };
  const made = Object.entries(inputs).flatMap(([name, outputs]): [string, JsonValue][] => {
    const operator = run.spec.tasks[name]?.operator;
    if (operator === 'training_dataset') return [[name, outputs['digest'] ?? null]];
    return operator === 'model_training' && task.operator === 'model_evaluation'
      ? [[name, { artifact: outputs['artifact'] ?? null, dataset: digestIn(outputs['dataset']) }]]
      : [];
  });
  return { inputs: Object.fromEntries(made) };
}

const digestIn = (dataset: JsonValue | undefined): JsonValue =>
  (dataset as { readonly digest?: string } | null | undefined)?.digest ?? null;

/** Of one attempt of a task with `cache`. What goes wrong with the store of results keeps back no work. */
export function memoryOf(
  task: CanonicalTask,
  given: CacheInputs,
  cache: TaskCache | undefined,
  attempt: { readonly log: TaskLog },
) {
  if (task.cache === undefined || cache === undefined) return undefined;
  const { ttl } = task.cache;
  const key = cacheKey(task, given);
  const { lease } = given;
  const tried = async <T>(work: () => Promise<T>): Promise<T | undefined> => {
    try {
      return await work();
    } catch (error) {
      attempt.log.write(
        'system',
        `the cache cannot be used: ${error instanceof Error ? error.message : String(error)}\n`,
      );
      return undefined;
    }
  };
  return {
    /**
     * The outputs that it takes over, which `recall` then says; undefined: it works, and whoever comes to the same work meanwhile waits
     * for its end. Deferred where another has that work in hand.
     */
    find: async (recall: Recall): Promise<JsonObject | undefined> => {
      const ttlMs = durationMs(ttl);
      if (ttlMs === 0) return undefined;
      const look = async (): Promise<KeptResult | undefined> => firstWhole(await cache.store.find(key, ttlMs), cache);
      const looked = await tried(async () => {
        let found = await look();
        if (found === undefined) {
          const other = await cache.store.begin(lease, key);
          if (other !== undefined) return { other };
          // It may have been done between the look and the beginning.
          found = await look();
          if (found !== undefined) await cache.store.forget(lease, key);
        }
        if (found !== undefined) await cache.store.noteReuse(lease, found);
        return { found };
      });
      if (looked?.other !== undefined) {
        const what = `the same work of task ${looked.other.task} of run ${looked.other.runId}`;
        throw new Deferred({ what, everyMs: LOOK_EVERY_MS, childRun: null, cacheKey: key });
      }
      const found = looked?.found;
      if (found === undefined) return undefined;
      const { runId, attempt: number, outputs } = found;
      recall.reused = { runId, task: found.task, attempt: number };
      attempt.log.write('out', `taken over from ${found.task} of run ${runId}, ended ${found.endedAt.toISOString()}\n`);
      return outputs;
    },
    keep: async (): Promise<void> => {
      await tried(() => cache.store.keep(lease, key));
    },
  };
}

export function reusedData({ reused }: Recall): JsonObject {
  return reused === null ? {} : { cached: { run_id: reused.runId, task: reused.task, attempt: reused.attempt } };
}

/** For a run that takes over nothing: its results are kept for others all the same. */
export function withoutReuse(spec: CanonicalPipeline): CanonicalPipeline {
  const tasks = Object.entries(spec.tasks).map(([name, task]): [string, CanonicalTask] => [
    name,
    task.cache === undefined ? task : { ...task, cache: { ...task.cache, ttl: '0s' } },
  ]);
  return { ...spec, tasks: Object.fromEntries(tasks) };
}

/** The newest of which every artifact is there. */
async function firstWhole(
  results: readonly KeptResult[],
  { isThere, tableIsThere }: TaskCache,
): Promise<KeptResult | undefined> {
  for (const result of results) {
    const { artifacts, tables } = keptIn(result.outputs);
    const there = await Promise.all([...artifacts.map(isThere), ...tables.map(tableIsThere)]);
    if (there.every(Boolean)) return result;
  }
  return undefined;
}

const DIGEST = /^[0-9a-f]{64}$/;

/** What outputs name: artifacts by `artifact`, and `digest` beside `bytes`; tables of the offline store by `location` beside these. */
function keptIn(value: JsonValue | undefined): { readonly artifacts: string[]; readonly tables: string[] } {
  const found = { artifacts: [] as string[], tables: [] as string[] };
  const visit = (part: JsonValue | undefined): void => {
    if (typeof part !== 'object' || part === null) return;
    if (!Array.isArray(part)) {
      const { artifact, digest, bytes, location } = part as JsonObject;
      const isTable = typeof bytes === 'number' && typeof location === 'string';
      if (isTable) found.tables.push(location);
      for (const one of [artifact, typeof bytes === 'number' && !isTable ? digest : undefined])
        if (typeof one === 'string' && DIGEST.test(one)) found.artifacts.push(one);
    }
    for (const member of Object.values(part)) visit(member);
  };
  visit(value);
  return found;
}
