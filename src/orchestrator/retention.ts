/** Logs, events and files of old runs are removed, a few runs a round: a scheduler's part. The runs themselves stay. */
import type { RunArtifactStore } from '../stores/control/run-artifacts.ts';
import type { RunStore } from '../stores/control/runs.ts';

export interface RetentionOptions {
  readonly runs: Pick<RunStore, 'pruneHistory'>;
  /** How long after a run was made. */
  readonly logsMs: number;
  readonly eventsMs: number;
  readonly artifactsMs: number;
  readonly runArtifacts: Pick<RunArtifactStore, 'prune'>;
  readonly removeFiles: (digests: readonly string[]) => Promise<void>;
  /** Only goes forward. */
  readonly nowMs?: (() => number) | undefined;
}

const RUNS_AT_ONCE = 200;
const REST_MS = 10 * 60_000;

/** At most one batch of each a round, so that a scheduler's other work is never kept back for long. */
export function createRetention({
  runs,
  logsMs,
  eventsMs,
  artifactsMs,
  runArtifacts,
  removeFiles,
  nowMs = () => performance.now(),
}: RetentionOptions): () => Promise<void> {
  const next = {
    logs: Number.NEGATIVE_INFINITY,
    events: Number.NEGATIVE_INFINITY,
    artifacts: Number.NEGATIVE_INFINITY,
  };
  return async () => {
    for (const [what, olderThanMs] of [
      ['logs', logsMs],
      ['events', eventsMs],
    ] as const) {
      if (nowMs() < next[what]) continue;
      const looked = await runs.pruneHistory(what, olderThanMs, RUNS_AT_ONCE);
      if (looked < RUNS_AT_ONCE) next[what] = nowMs() + REST_MS;
    }
    if (nowMs() < next.artifacts) return;
    const pruned = await runArtifacts.prune(artifactsMs, RUNS_AT_ONCE, removeFiles);
    if (pruned < RUNS_AT_ONCE) next.artifacts = nowMs() + REST_MS;
  };
}
