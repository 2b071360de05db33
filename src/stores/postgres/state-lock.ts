/**
 * The one lock of a scope: a lease on the database's clock, renewed while it is held. It is taken over only after the
 * lease has ended there; the holder knows no later, because it counts from before it asked for the renewal.
 */
import { MlopsError } from '../../lib/error.ts';
import type { HeldLock, LockHolder } from '../control/state.ts';
import type { Database, Queryable } from './database.ts';
import { sqlFile } from './sql-file.ts';

export interface LeaseTimes {
  /** How long a holder that stopped renewing keeps others out. */
  readonly leaseMs: number;
  readonly renewEveryMs: number;
}

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
    const askedAt = performance.now();
    const [taken] = await db.query<{ lock_id: string }>(sqlFile('take-lock'), [scopeId, who, operation, times.leaseMs]);
    if (taken !== undefined) return hold(db, scopeId, taken.lock_id, times, askedAt);
    const holder = await readHolder(db, scopeId);
    // Null where it was released, or its lease ended, between the two statements: ask again.
    if (holder !== null) throw lockedBy(holder);
  }
}

/** The holder whose lease has not ended. */
export async function readHolder(db: Queryable, scopeId: number): Promise<LockHolder | null> {
  const [holder] = await db.query<LockHolder & Record<string, unknown>>(
    `select lock_id as id, who, operation, since, lease_ends_at as "leaseEndsAt"
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

function hold(db: Database, scopeId: number, id: string, times: LeaseTimes, askedAt: number): HeldLock {
  const lost = new AbortController();
  let renewing: Promise<void> | undefined;
  let end: NodeJS.Timeout | undefined;

  /** The lease runs from the moment when it was asked for, at least. */
  function sureFrom(from: number): void {
    clearTimeout(end);
    end = setTimeout(() => lose('it could not be renewed in time'), from + times.leaseMs - performance.now());
    end.unref();
  }

  async function renew(): Promise<void> {
    const from = performance.now();
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
    release: async () => {
      released = true;
      stop();
      await renewing;
      await removeLock(db, scopeId, id);
    },
  };
}

function lockedBy(holder: LockHolder): MlopsError {
  return new MlopsError('AP101', {
    detail: `${holder.who} holds the lock since ${holder.since.toISOString()} for ${holder.operation} (lock ${holder.id}).`,
    hint: `wait for it; if that process is gone, the lock ends by itself at ${holder.leaseEndsAt.toISOString()}, or by hand: mlops unlock ${holder.id}`,
    retryable: true,
    data: {
      id: holder.id,
      who: holder.who,
      operation: holder.operation,
      since: holder.since.toISOString(),
      leaseEndsAt: holder.leaseEndsAt.toISOString(),
    },
  });
}
