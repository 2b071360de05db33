/**
 * Visits every node of a graph, several at once, each only after what it depends on was visited. What depends on a
 * failure is skipped and names the failure that caused it; what does not goes on. After an abort nothing new starts;
 * visits in hand are finished.
 */
import { CycleError, type Dag } from './dag.ts';

export interface WalkOptions<Id extends string> {
  /** Visits at once. Default 10. */
  readonly concurrency?: number;
  readonly signal?: AbortSignal | undefined;
  /** `dependents-first` is the order for taking down. Default dependencies-first. */
  readonly direction?: 'dependencies-first' | 'dependents-first';
  /** Called once for each skipped node, with the failure that is nearest to it. */
  readonly onSkip?: (id: Id, because: Id) => void;
}

export interface WalkResult<Id extends string> {
  /** In the order in which they ended. */
  readonly done: readonly Id[];
  readonly failed: ReadonlyMap<Id, unknown>;
  /** Skipped node → the failed node it waited for. */
  readonly skipped: ReadonlyMap<Id, Id>;
  /** Not started, because the signal aborted. */
  readonly remaining: readonly Id[];
}

export async function walk<Id extends string>(
  dag: Dag<Id>,
  visit: (id: Id) => Promise<void>,
  options: WalkOptions<Id> = {},
): Promise<WalkResult<Id>> {
  const { concurrency = 10, signal, direction = 'dependencies-first', onSkip } = options;
  const cycle = dag.findCycle();
  if (cycle !== undefined) throw new CycleError(cycle);
  const [before, after] =
    direction === 'dependencies-first'
      ? [dag.dependenciesOf, dag.dependentsOf]
      : [dag.dependentsOf, dag.dependenciesOf];

  const waiting = new Map<Id, number>(dag.ids.map((id) => [id, before(id).length]));
  const ready = dag.ids.filter((id) => waiting.get(id) === 0);
  const done: Id[] = [];
  const failed = new Map<Id, unknown>();
  const skipped = new Map<Id, Id>();
  const started = new Set<Id>();
  let next = 0;

  const skipDependents = (failure: Id): void => {
    const queue = [...after(failure)];
    for (const id of queue) {
      if (skipped.has(id)) continue;
      skipped.set(id, failure);
      onSkip?.(id, failure);
      queue.push(...after(id));
    }
  };

  const worker = async (id: Id): Promise<void> => {
    try {
      await visit(id);
      done.push(id);
      for (const other of after(id)) {
        const left = (waiting.get(other) ?? 0) - 1;
        waiting.set(other, left);
        if (left === 0 && !skipped.has(other)) ready.push(other);
      }
    } catch (error) {
      failed.set(id, error);
      skipDependents(id);
    }
  };

  const running = new Set<Promise<void>>();
  while (true) {
    while (running.size < concurrency && next < ready.length && signal?.aborted !== true) {
      const id = ready[next] as Id;
      next += 1;
      started.add(id);
      const job: Promise<void> = worker(id).finally(() => running.delete(job));
      running.add(job);
    }
    if (running.size === 0) break;
    await Promise.race(running);
  }
  return { done, failed, skipped, remaining: dag.ids.filter((id) => !started.has(id) && !skipped.has(id)) };
}
