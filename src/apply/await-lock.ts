/**
 * Takes the lock, waiting for a holder for a while: asks again after a quarter of a second, then less and less often, every
 * five seconds at last. A dead holder's lock is got once its lease has ended.
 */
import { setTimeout as delay } from 'node:timers/promises';
import { type Clock, systemClock } from '../lib/clock.ts';
import { MlopsError } from '../lib/error.ts';
import { secondsInWords } from '../lib/units.ts';
import type { HeldLock, LockHolder, StateStore } from '../stores/control/state.ts';
import type { LockWait } from './events.ts';

const FIRST_PAUSE_MS = 250;
const LONGEST_PAUSE_MS = 5_000;
const GROWTH = 1.5;

export interface AwaitLockInput {
  readonly state: Pick<StateStore, 'lock' | 'lockHolder'>;
  readonly who: string;
  readonly operation: string;
  /** 0: ask once. */
  readonly timeoutMs: number;
  /** Ends the wait with AP106. */
  readonly signal?: AbortSignal | undefined;
  readonly onEvent?: (event: LockWait) => void;
  readonly clock?: Clock;
  /** Rejects when the signal aborts. Default: a timer. */
  readonly pause?: (ms: number, signal: AbortSignal | undefined) => Promise<void>;
}

/** AP101 where it was not to be had in that time, AP106 where the signal ended the wait. */
export async function awaitLock(input: AwaitLockInput): Promise<HeldLock> {
  const { state, who, operation, timeoutMs, signal, onEvent = () => {}, clock = systemClock, pause = timer } = input;
  const until = clock.now().getTime() + timeoutMs;
  let pauseMs = FIRST_PAUSE_MS;
  let told: string | undefined;
  for (;;) {
    if (signal?.aborted === true) throw interrupted();
    try {
      return await state.lock(who, operation);
    } catch (error) {
      if (!(error instanceof MlopsError) || error.code !== 'AP101') throw error;
      const leftMs = until - clock.now().getTime();
      if (leftMs <= 0) throw timeoutMs === 0 ? error : tooLong(error, timeoutMs);
      const holder = await state.lockHolder();
      if (holder !== null && holder.id !== told) {
        told = holder.id;
        onEvent(waitFor(holder, leftMs));
      }
      await pause(Math.min(pauseMs, leftMs), signal).catch((cause: unknown) => {
        throw signal?.aborted === true ? interrupted() : cause;
      });
      pauseMs = Math.min(LONGEST_PAUSE_MS, Math.round(pauseMs * GROWTH));
    }
  }
}

async function timer(ms: number, signal: AbortSignal | undefined): Promise<void> {
  await delay(ms, undefined, signal === undefined ? {} : { signal });
}

function waitFor(holder: LockHolder, leftMs: number): LockWait {
  return {
    type: 'waiting_for_lock',
    lockId: holder.id,
    who: holder.who,
    operation: holder.operation,
    heldSeconds: Math.floor(holder.heldSeconds),
    leaseEndsAt: holder.leaseEndsAt.toISOString(),
    timeoutSeconds: Math.ceil(leftMs / 1000),
  };
}

function tooLong(refusal: MlopsError, timeoutMs: number): MlopsError {
  return new MlopsError('AP101', {
    detail: `${refusal.detail} It was not given back within ${secondsInWords(timeoutMs / 1000)}.`,
    hint: refusal.hint,
    retryable: true,
    data: refusal.data,
    cause: refusal,
  });
}

function interrupted(): MlopsError {
  return new MlopsError('AP106', { detail: 'Interrupted while waiting for the lock. Nothing was changed.' });
}
