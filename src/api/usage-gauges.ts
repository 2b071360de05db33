/** What tasks took of this machine, as figures for Prometheus. */
import type { UsageTotal } from '../orchestrator/usage-totals.ts';
import type { Gauge } from './metrics.ts';

export function usageGauges(totals: readonly UsageTotal[]): readonly Gauge[] {
  const counter = (name: string, help: string, read: (total: UsageTotal) => number | null): Gauge => ({
    name,
    help,
    type: 'counter',
    samples: samplesOf(totals, read),
  });
  return [
    counter('mlops_task_attempts_total', 'Attempts of tasks that this daemon ended.', ({ attempts }) => attempts),
    counter('mlops_task_cpu_seconds_total', 'Processor time of their programs.', ({ cpuSeconds }) => cpuSeconds),
    counter('mlops_task_wall_seconds_total', 'Time from their starts to their ends.', ({ wallSeconds }) => wallSeconds),
    {
      name: 'mlops_task_peak_memory_bytes',
      help: 'The most memory that a program of the task held at once, since this daemon started.',
      samples: samplesOf(totals, ({ peakMemoryBytes }) => peakMemoryBytes),
    },
  ];
}

function samplesOf(totals: readonly UsageTotal[], read: (total: UsageTotal) => number | null): Gauge['samples'] {
  return totals.flatMap((total) => {
    const value = read(total);
    return value === null ? [] : [{ labels: { pipeline: total.pipeline, task: total.task }, value }];
  });
}
