/**
 * The one lock of a scope: a lease on the database's clock, renewed while it is held. It is taken over only after the
 * lease has ended there; the holder knows no later, because it counts from before it asked for the renewal.
 */
import { randomUUID } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import { systemClock } from '../../lib/clock.ts';
import { MlopsError } from '../../lib/error.ts';
import { secondsInWords } from '../../lib/units.ts';
import type { HeldLock, LockHolder } from '../control/state.ts';
import type { Database, Queryable } from './database.ts';
import { sqlFile } from './sql-file.ts';

export interface LeaseTimes {
  /** How long a holder that stopped renewing keeps others out. */
  readonly leaseMs: number;
  readonly renewEveryMs: number;
}

const GIVE_BACK_ATTEMPTS = 4;
const GIVE_BACK_PAUSE_MS = 250;

export const LEASE: LeaseTimes = { leaseMs: 30_000, renewEveryMs: 5_000 };

/** AP101 with the holder where another holds it. */
export async function takeLock(
  db: Database,
  scopeId: number,
  who: string,
  operation: string,
  times: LeaseTimes = LEASE,
): Promise<HeldLock> {
  for (;;) {
    const askedAt = now();
    // Named here, so that one that was taken while its answer got lost can be given back.
    const id = randomUUID();
    const taken = await db
      .query(sqlFile('take-lock'), [scopeId, who, operation, times.leaseMs, id])
      .catch(async (error: unknown) => {
        await giveBack(db, scopeId, id);
        throw error;
      });
    if (taken.length > 0) return hold(db, scopeId, id, times, askedAt);
    const holder = await readHolder(db, scopeId);
    // Null where it was released, or its lease ended, between the two statements: ask again.
    if (holder !== null) throw lockedBy(holder);
  }
}

/** The holder whose lease has not ended. */
export async function readHolder(db: Queryable, scopeId: number): Promise<LockHolder | null> {
  const [holder] = await db.query<LockHolder & Record<string, unknown>>(
    `select lock_id as id, who, operation, since, lease_ends_at as "leaseEndsAt",
            extract(epoch from clock_timestamp() - since)::double precision as "heldSeconds"
     from mlops.locks where scope_id = $1 and lease_ends_at >= clock_timestamp()`,
    [scopeId],
  );
  return holder ?? null;
}

/** False where no lock of the scope has that id. */
export async function removeLock(db: Queryable, scopeId: number, id: string): Promise<boolean> {
  const removed = await db.query(
    'delete from mlops.locks where scope_id = $1 and lock_id::text = $2 returning lock_id',
    [scopeId, id],
  );
  return removed.length > 0;
}

/** A server that restarts gets a moment; what cannot be given back ends with its lease. */
async function giveBack(db: Database, scopeId: number, id: string): Promise<boolean> {
  for (let attempt = 0; attempt < GIVE_BACK_ATTEMPTS; attempt += 1) {
    if (attempt > 0) await delay(GIVE_BACK_PAUSE_MS);
    try {
      await removeLock(db, scopeId, id);
      return true;
    } catch {
      // Tried again, or left to its lease.
    }
  }
  return false;
}

/** Milliseconds that no standstill of this process or machine hides: the monotonic clock stands while a laptop sleeps. */
interface Instant {
  readonly monotonicMs: number;
  readonly wallMs: number;
}

const now = (): Instant => ({ monotonicMs: performance.now(), wallMs: systemClock.now().getTime() });

function elapsedMs(since: Instant): number {
  const { monotonicMs, wallMs } = now();
  return Math.max(monotonicMs - since.monotonicMs, wallMs - since.wallMs);
}

function hold(db: Database, scopeId: number, id: string, times: LeaseTimes, askedAt: Instant): HeldLock {
  const lost = new AbortController();
  let renewing: Promise<void> | undefined;
  let end: NodeJS.Timeout | undefined;
  let sureSince = askedAt;

  /** The lease runs from the moment when it was asked for, at least. */
  function sureFrom(from: Instant): void {
    sureSince = from;
    clearTimeout(end);
    end = setTimeout(() => lose('it could not be renewed in time'), times.leaseMs - elapsedMs(from));
    end.unref();
  }

  async function renew(): Promise<void> {
    const from = now();
    const renewed = await db.query(
      `update mlops.locks set lease_ends_at = clock_timestamp() + $3::double precision * interval '1 millisecond'
       where scope_id = $1 and lock_id = $2 returning lock_id`,
      [scopeId, id, times.leaseMs],
    );
    if (renewed.length === 0) lose('it was removed or taken over');
    else if (!released) sureFrom(from);
  }

  function lose(why: string): void {
    stop();
    if (lost.signal.aborted) return;
    lost.abort(
      new MlopsError('AP101', {
        detail: `The lock of the state was lost: ${why}.`,
        hint: 'apply again: what was finished is recorded, the rest is taken up again',
        retryable: true,
      }),
    );
  }

  function stop(): void {
    clearInterval(timer);
    clearTimeout(end);
  }

  let released = false;
  sureFrom(askedAt);
  const timer = setInterval(() => {
    // A server that restarts is no reason to stop while the lease still runs there: the next round tries again.
    renewing ??= renew()
      .catch(() => {})
      .finally(() => {
        renewing = undefined;
      });
  }, times.renewEveryMs);
  timer.unref();

  return {
    id,
    lost: lost.signal,
    assertHeld: () => {
      if (elapsedMs(sureSince) >= times.leaseMs) lose('this process stood still for longer than its lease');
      lost.signal.throwIfAborted();
    },
    release: async () => {
      released = true;
      stop();
      await renewing;
      return giveBack(db, scopeId, id);
    },
  };
}

function lockedBy(holder: LockHolder): MlopsError {
  return new MlopsError('AP101', {
    detail: `The state is held for ${secondsInWords(holder.heldSeconds)} by ${holder.who} (${holder.operation}), lease ends ${holder.leaseEndsAt.toISOString()}.`,
    hint: `wait for it with --lock-timeout 5m; the lease of a process that is gone ends by itself, or by hand: mlops unlock ${holder.id}`,
    retryable: true,
    data: {
      id: holder.id,
      who: holder.who,
      operation: holder.operation,
      since: holder.since.toISOString(),
      heldSeconds: Math.floor(holder.heldSeconds),
      leaseEndsAt: holder.leaseEndsAt.toISOString(),
    },
  });
}
