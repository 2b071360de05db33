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
  const totals = new Map<string, UsageTotal>();
  return {
    add: (pipeline, task, usage) => {
      // The instances of a mapped task count as one.
      const name = task.replace(/\[.*\]$/, '');
      const known = totals.has(`${pipeline} ${name}`) || totals.size < TASKS_KEPT;
      const labels = known ? { pipeline, task: name } : { pipeline: 'other', task: 'other' };
      const key = `${labels.pipeline} ${labels.task}`;
      const before = totals.get(key);
      const peaks = [before?.peakMemoryBytes, usage?.peakMemoryBytes].filter((peak) => peak != null);
      totals.set(key, {
        ...labels,
        attempts: (before?.attempts ?? 0) + 1,
        cpuSeconds: (before?.cpuSeconds ?? 0) + (usage?.cpuSeconds ?? 0),
        wallSeconds: (before?.wallSeconds ?? 0) + (usage?.wallSeconds ?? 0),
        peakMemoryBytes: peaks.length === 0 ? null : Math.max(...peaks),
      });
    },
    list: () => [...totals.values()],
  };
}
