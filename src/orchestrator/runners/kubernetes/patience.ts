/** For how long an attempt waits for what, before its program has started. */
import { MlopsError } from '../../../lib/error.ts';
import { durationMs } from '../../../lib/units.ts';
import { TaskFailure } from '../../task-failure.ts';
import type { JobVerdict } from './judge.ts';

export type Waiting = Pick<Extract<JobVerdict, { kind: 'waiting' }>, 'because' | 'what'>;

export interface Patience {
  /** Since it waits for room; what its queue keeps back does not count. */
  waitedMs(): number;
  started(): void;
  /** PL234, TaskFailure: it has waited long enough. */
  check(waiting: Waiting): void;
}

export interface PatienceOptions {
  readonly task: string;
  readonly pipeline: string;
  readonly faultMs: number;
  readonly startWithin: string;
  /** The task's own limit of the wait for room; what its queue keeps back counts too. */
  readonly queuedTimeout: string | undefined;
}

export function createPatience({ task, pipeline, faultMs, startWithin, queuedTimeout }: PatienceOptions): Patience {
  let waitingSince = performance.now();
  let queuedSince: number | undefined = waitingSince;
  let faultSince: number | undefined;
  return {
    waitedMs: () => performance.now() - waitingSince,
    started: () => {
      waitingSince = performance.now();
      queuedSince = undefined;
      faultSince = undefined;
    },
    check: ({ because, what }) => {
      const now = performance.now();
      if (because === 'queue') waitingSince = now;
      faultSince = because === 'fault' ? (faultSince ?? now) : undefined;
      if (because === 'hopeless' || (faultSince !== undefined && now - faultSince > faultMs)) {
        throw new MlopsError('PL234', {
          detail: `The pod of task ${task} does not start: ${what}`,
          address: `pipeline.${pipeline}`,
        });
      }
      if (queuedTimeout !== undefined && queuedSince !== undefined && now - queuedSince > durationMs(queuedTimeout))
        throw new TaskFailure(
          'timed_out',
          null,
          `it did not start within its queuedTimeout of ${queuedTimeout}: ${what}`,
          {
            final: true,
          },
        );
      if (now - waitingSince > durationMs(startWithin))
        throw new TaskFailure('crashed', null, `it did not start within ${startWithin}: ${what}`);
    },
  };
}
