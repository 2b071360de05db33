/** What an operator tells of how far it is: now and then a line in the task's log, and what the run shows of the task. */
import { secondsInWords } from '../lib/units.ts';
import type { TaskProgress } from '../stores/control/runs.ts';

export interface ProgressTeller {
  tell(progress: TaskProgress): void;
  /** Resolves when nothing is being recorded any more. */
  settled(): Promise<void>;
}

export interface ProgressTellerOptions {
  readonly record: (progress: TaskProgress) => Promise<void>;
  readonly log: (line: string) => void;
  /** Only goes forward. */
  readonly nowMs?: () => number;
}

const RECORD_EVERY_MS = 1_000;
const LOG_EVERY_MS = 10_000;

/** What cannot be recorded is told again a little later: how far a task is, is not worth the task. */
export function createProgressTeller({
  record,
  log,
  nowMs = () => performance.now(),
}: ProgressTellerOptions): ProgressTeller {
  let loggedAt = nowMs();
  let recordedAt = Number.NEGATIVE_INFINITY;
  let recording: Promise<void> | undefined;
  return {
    tell: (progress) => {
      const now = nowMs();
      if (now - loggedAt >= LOG_EVERY_MS && progress.done !== progress.total) {
        loggedAt = now;
        log(lineOf(progress));
      }
      if (recording !== undefined || now - recordedAt < RECORD_EVERY_MS) return;
      recordedAt = now;
      recording = record(progress)
        .catch(() => {})
        .finally(() => {
          recording = undefined;
        });
    },
    settled: async () => recording,
  };
}

function lineOf({ what, etaSeconds }: TaskProgress): string {
  return etaSeconds === null || etaSeconds === 0 ? what : `${what}, about ${secondsInWords(etaSeconds)} left`;
}
