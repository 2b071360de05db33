/** Removes Jobs that no attempt under way owns: those whose removal failed, whose daemon died, whose run is gone. */

import { pause } from '../../../lib/pause.ts';
import type { LeaseRef } from '../../../stores/control/runs.ts';
import type { Jobs } from './jobs.ts';
import { LABELS, ownerSelector, TASK_ANNOTATION } from './names.ts';
import type { Job } from './objects.ts';

export interface SweeperOptions {
  readonly open: () => Promise<{ readonly jobs: Jobs; readonly owner: string }>;
  readonly underWay: (attempts: readonly LeaseRef[]) => Promise<readonly LeaseRef[]>;
  readonly everyMs: number;
  readonly report: (message: string, error?: unknown) => void;
  readonly signal: AbortSignal;
}

const UUID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;

export function createSweeper({ open, underWay, everyMs, report, signal }: SweeperOptions): () => Promise<void> {
  async function sweep(): Promise<void> {
    const { jobs, owner } = await open();
    // First the Jobs, then the attempts: an attempt is recorded before its Job is made.
    const found = (await jobs.list(ownerSelector(owner), signal)).filter(
      ({ metadata }) => metadata.deletionTimestamp === undefined,
    );
    const named = found.flatMap((job) => {
      const attempt = attemptOf(job);
      return attempt === undefined ? [] : [attempt];
    });
    const open_ = new Set((await underWay(named)).map(keyOf));
    for (const job of found) {
      const attempt = attemptOf(job);
      if (attempt === undefined || !open_.has(keyOf(attempt))) await jobs.remove(job.metadata.name, signal);
    }
  }

  return async () => {
    let failed = false;
    while (!signal.aborted) {
      try {
        await sweep();
        failed = false;
      } catch (error) {
        if (!signal.aborted && !failed)
          report('Jobs that nobody needs cannot be removed now; it is tried again', error);
        failed = true;
      }
      await pause(everyMs, signal);
    }
  };
}

function attemptOf({ metadata }: Job): LeaseRef | undefined {
  const runId = metadata.labels?.[LABELS.run] ?? '';
  const task = metadata.annotations?.[TASK_ANNOTATION];
  const attempt = Number(metadata.labels?.[LABELS.attempt]);
  return UUID.test(runId) && task !== undefined && Number.isInteger(attempt) ? { runId, task, attempt } : undefined;
}

const keyOf = ({ runId, task, attempt }: LeaseRef): string => `${runId} ${task} ${attempt}`;
