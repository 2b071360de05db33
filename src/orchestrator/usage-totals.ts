/** What this daemon's attempts took since it started, by pipeline and task: what a monitoring system reads now and then. */
import type { AttemptUsage } from '../stores/control/attempt-usage.ts';

export interface UsageTotal {
  readonly pipeline: string;
  readonly task: string;
  readonly attempts: number;
  readonly cpuSeconds: number;
  readonly wallSeconds: number;
  /** Of the attempt that held the most. Null where none could tell. */
  readonly peakMemoryBytes: number | null;
}

export interface UsageTotals {
  add(pipeline: string, task: string, usage: AttemptUsage | null): void;
  list(): readonly UsageTotal[];
}

/** Beyond so many tasks the figures of the rest are summed up under `other`: names in specs must not fill the memory. */
const TASKS_KEPT = 2_000;

export function createUsageTotals(): UsageTotals {
  const pipelines = new Map<string, Map<string, Total>>();
  let kept = 0;

  function totalOf(pipeline: string, task: string): Total {
    const known = pipelines.get(pipeline)?.get(task);
    if (known !== undefined) return known;
    if (kept >= TASKS_KEPT && pipeline !== 'other') return totalOf('other', 'other');
    const tasks = pipelines.get(pipeline) ?? new Map<string, Total>();
    pipelines.set(pipeline, tasks);
    const total = { attempts: 0, cpuSeconds: 0, wallSeconds: 0, peakMemoryBytes: null };
    tasks.set(task, total);
    kept += 1;
    return total;
  }

  return {
    add: (pipeline, task, usage) => {
      // The instances of a mapped task count as one.
      const total = totalOf(pipeline, task.endsWith(']') ? task.replace(/\[.*\]$/, '') : task);
      total.attempts += 1;
      if (usage === null) return;
      total.cpuSeconds += usage.cpuSeconds ?? 0;
      total.wallSeconds += usage.wallSeconds;
      if (usage.peakMemoryBytes !== null)
        total.peakMemoryBytes = Math.max(total.peakMemoryBytes ?? 0, usage.peakMemoryBytes);
    },
    list: () =>
      [...pipelines].flatMap(([pipeline, tasks]) => [...tasks].map(([task, total]) => ({ pipeline, task, ...total }))),
  };
}

/** A total as it grows. */
interface Total {
  attempts: number;
  cpuSeconds: number;
  wallSeconds: number;
  peakMemoryBytes: number | null;
}
