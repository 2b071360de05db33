/**
 * Looks after tasks that wait for something outside: lets them run once it is there, and ends runs whose task ended without
 * them. Any number may: the store gives each task to one at a time.
 */
import type { JsonObject } from '../lib/json.ts';
import { resolveEnv } from '../lib/secret.ts';
import type { DeferralStore } from '../stores/control/deferrals.ts';
import type { LeaseRef, RunStore } from '../stores/control/runs.ts';
import { fillTask } from './fill-task.ts';
import { type ConditionContext, conditionHolds } from './operators/wait-condition.ts';
import { ancestorsOf } from './upstream.ts';

export interface WatcherOptions {
  readonly deferrals: DeferralStore;
  readonly runs: Pick<RunStore, 'get' | 'outputs'>;
  readonly services: ConditionContext['services'];
  readonly newestRun: ConditionContext['newestRun'];
  readonly root: string;
  readonly variables: Readonly<Record<string, string | undefined>>;
  readonly cancel: (runId: string, who: string) => Promise<unknown>;
  readonly now: () => Date;
}

const AT_ONCE = 16;
const LOOK_LIMIT_MS = 30_000;

export interface Watcher {
  /** One round. A look that takes long holds up no other round. */
  tick(): Promise<void>;
}

export function createWatcher(options: WatcherOptions): Watcher {
  const { deferrals, runs } = options;
  const looking = new Set<Promise<void>>();

  async function look(ref: LeaseRef): Promise<void> {
    const run = await runs.get(ref.runId);
    const task = run?.spec.tasks[ref.task];
    if (run === undefined) return;
    // The task of an item: its attempt knows the item, and looks itself.
    if (task === undefined) return deferrals.resume(ref);
    // What waits for a run alone is let go by its end.
    if (task.operator !== 'wait_for') return;
    const outputs: Readonly<Record<string, JsonObject>> = await runs.outputs(
      ref.runId,
      ancestorsOf(run.spec, ref.task),
    );
    const instant = run.cause.instant === null ? run.createdAt : new Date(run.cause.instant);
    const facts = { id: run.runId, pipeline: run.pipeline, cause: run.cause.kind, instant: instant.toISOString() };
    const filled = fillTask(task, { params: run.params, outputs, run: facts });
    const found = await conditionHolds(filled, {
      signal: AbortSignal.timeout(LOOK_LIMIT_MS),
      log: () => {},
      runId: run.runId,
      pipeline: run.pipeline,
      task: ref.task,
      params: run.params,
      inputs: outputs,
      instant,
      resolve: (value) => resolveEnv(value, options.variables),
      services: options.services,
      newestRun: options.newestRun,
      root: options.root,
      now: options.now(),
    });
    if (found.holds) await deferrals.resume(ref);
  }

  return {
    tick: async () => {
      await deferrals.resumeEnded();
      for (const runId of await deferrals.orphans()) await options.cancel(runId, 'the run that started it');
      if (looking.size >= AT_ONCE) return;
      for (const ref of await deferrals.due(AT_ONCE - looking.size)) {
        // What fails here fails in the attempt too, where it is told.
        const done = look(ref).catch(() => deferrals.resume(ref));
        looking.add(done);
        done.catch(() => {}).finally(() => looking.delete(done));
      }
    },
  };
}
