/** How long a run has to go, by how long the tasks of one before it took. */
import { hasEnded, instanceCounts, type TaskModel } from './run-model.ts';

export type KnownDurations = ReadonlyMap<string, number>;

/**
 * Milliseconds; undefined where a task that is still to come is not known. The longest way through what is left; room is not
 * reckoned with. `order`: the run's tasks, those before others first.
 */
export function timeLeft(order: readonly TaskModel[], known: KnownDurations, nowMs: number): number | undefined {
  const left = new Map<string, number>();
  let longest = 0;
  for (const task of order) {
    const own = taskLeft(task, known, nowMs);
    if (own === undefined) return undefined;
    const path = own + Math.max(0, ...task.needs.map((need) => left.get(need) ?? 0));
    left.set(task.name, path);
    longest = Math.max(longest, path);
  }
  return longest;
}

/** Of one task: what its operator or its instances tell, else what it took before. */
export function taskLeft(task: TaskModel, known: KnownDurations, nowMs: number): number | undefined {
  if (hasEnded(task.status)) return 0;
  const running = task.startedAt === undefined ? 0 : Math.max(0, nowMs - task.startedAt);
  if (task.instances !== undefined && task.startedAt !== undefined) {
    const { total, done } = instanceCounts(task.instances);
    if (done > 0 && total > 0) return (running / done) * (total - done);
  }
  const told = task.progress?.etaSeconds;
  const took = known.get(task.name);
  if (took === undefined) return told == null ? undefined : told * 1000;
  return Math.max(took - running, told == null ? 0 : told * 1000);
}
