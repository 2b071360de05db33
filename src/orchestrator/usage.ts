/** What the programs of an attempt took, gathered while it runs. */
import type { AttemptUsage } from '../stores/control/attempt-usage.ts';

export interface ProgramUsage {
  readonly cpuSeconds: number | null;
  readonly peakMemoryBytes: number | null;
  /** Where it did not run while the attempt did: a program in a cluster waits for its turn. */
  readonly wallSeconds?: number | undefined;
}

export interface UsageGatherer {
  add(usage: ProgramUsage): void;
  /** `wallSeconds`: of the attempt. */
  total(wallSeconds: number): AttemptUsage;
}

/** Of programs one after the other: cpu time adds up, the greatest peak counts. What one of them cannot tell nobody can. */
export function createUsageGatherer(): UsageGatherer {
  const programs: ProgramUsage[] = [];
  return {
    add: (usage) => programs.push(usage),
    total: (wallSeconds) => ({
      cpuSeconds: known(
        programs,
        ({ cpuSeconds }) => cpuSeconds,
        (values) => values.reduce((sum, one) => sum + one, 0),
      ),
      peakMemoryBytes: known(
        programs,
        ({ peakMemoryBytes }) => peakMemoryBytes,
        (values) => Math.max(...values),
      ),
      wallSeconds:
        known(
          programs,
          (program) => program.wallSeconds ?? null,
          (values) => values.reduce((sum, one) => sum + one, 0),
        ) ?? wallSeconds,
    }),
  };
}

function known(
  programs: readonly ProgramUsage[],
  read: (program: ProgramUsage) => number | null,
  combine: (values: readonly number[]) => number,
): number | null {
  const values = programs.map(read).filter((value) => value !== null);
  return values.length === 0 || values.length < programs.length ? null : combine(values);
}
