/** What an attempt took of its machine. */

export interface AttemptUsage {
  /** User and system time of all its processes; null where that cannot be told, as of a task that runs within the daemon. */
  readonly cpuSeconds: number | null;
  /** The most that all its processes held at once; null where that cannot be told. */
  readonly peakMemoryBytes: number | null;
  /** From its start to its end. */
  readonly wallSeconds: number;
}
