/**
 * The right to materialize a version. An advisory lock on a connection of its own keeps the others out and ends with the
 * process that holds it. The epoch fences: where the lock's connection was lost while its holder went on, the holder's
 * writes are refused.
 */
import { setTimeout as delay } from 'node:timers/promises';
import { MlopsError } from '../../lib/error.ts';
import type { FeatureState, MaterializationClaim, NewPart } from '../control/feature-state.ts';
import type { Database } from './database.ts';
import { sqlFile } from './sql-file.ts';
import { createTurns } from './turns.ts';

const COMMIT_PART = sqlFile('feature-commit-part');
const COMPLETE = sqlFile('feature-complete');
const FORGET_PARTS = sqlFile('feature-forget-parts');
const POLL_MS = 100;
/** Each holds a connection while its holder works on others of the pool: more of them would leave nobody any. */
const CLAIMS_AT_ONCE = 2;

/** bigint columns arrive as numbers where they are safe, else as text. */
type Int8 = number | string;

export function createClaims(db: Database, scopeId: number): FeatureState['materializing'] {
  const turns = createTurns(CLAIMS_AT_ONCE);
  return async (set, version, signal, body) => {
    for (;;) {
      const outcome = await turns.take(signal, () =>
        db.transaction(async (tx) => {
          // The connection is idle for as long as the body works: a server that ends idle transactions must not end this one.
          const [row] = await tx.query<{ held: boolean }>(
            `select pg_try_advisory_xact_lock(hashtextextended($1, 0)) as held,
                  set_config('idle_in_transaction_session_timeout', '0', true) as patience`,
            [lockName(scopeId, 'materialize', `${set}@${version}`)],
          );
          if (row?.held !== true) return undefined;
          const [claimed] = await db.query<{ epoch: Int8 }>(
            "update mlops.feature_set_versions set epoch = nextval('mlops.feature_sequence') where scope_id = $1 and feature_set = mlops.current_name($1, 'feature_set', $2) and version = $3 and status <> 'dropped' returning epoch",
            [scopeId, set, version],
          );
          if (claimed === undefined) throw gone(set, version);
          return { value: await body(claimOf(db, scopeId, set, version, claimed.epoch)) };
        }),
      );
      if (outcome !== undefined) return outcome.value;
      await delay(POLL_MS, undefined, { signal });
    }
  };
}

function claimOf(db: Database, scopeId: number, set: string, version: number, epoch: Int8): MaterializationClaim {
  const identity = [scopeId, set, version, epoch];
  return {
    set,
    version,
    nextSequence: () =>
      db.transaction(async (tx) => {
        // The lock of the set's pushes: one that is under way has its sequence already, and is waited for.
        await tx.query('select pg_advisory_xact_lock(hashtextextended($1, 0))', [lockName(scopeId, 'push', set)]);
        const rows = await tx.query<{ sequence: Int8 }>("select nextval('mlops.feature_sequence') as sequence");
        return Number(rows[0]?.sequence ?? unreachable());
      }),
    commitPart: (part: NewPart, updatesThrough?: number) =>
      db.transaction(async (tx) => {
        const done = await tx.query(COMMIT_PART, [
          ...identity,
          part.sequence,
          part.location,
          part.rows,
          part.bytes,
          String(part.maxEventTime),
          String(part.maxVisibleTime),
          part.minEventTime === null ? null : String(part.minEventTime),
          part.pushed ?? false,
        ]);
        if (done.length === 0) throw gone(set, version);
        if (updatesThrough === undefined) return;
        await tx.query(
          "delete from mlops.feature_updates where scope_id = $1 and feature_set = mlops.current_name($1, 'feature_set', $2) and version = $3 and sequence <= $4",
          [scopeId, set, version, updatesThrough],
        );
      }),
    forgetParts: async (locations) => {
      const done = await db.query(FORGET_PARTS, [...identity, locations]);
      if (done.length === 0) throw gone(set, version);
    },
    complete: async (inputs, measured) => {
      const done = await db.query(COMPLETE, [
        ...identity,
        JSON.stringify(inputs),
        measured?.rowsRead ?? 0,
        measured?.rowsWritten ?? 0,
        measured?.since ?? null,
      ]);
      if (done.length === 0) throw gone(set, version);
    },
  };
}

export function lockName(scopeId: number, what: string, name: string): string {
  return `mlops:${scopeId}:${what}:${name}`;
}

function gone(set: string, version: number): MlopsError {
  return new MlopsError('FS207', {
    address: `feature_set.${set}`,
    detail: `Version ${version} of the feature set ${set} was dropped or retired, or is materialized by another worker now; this one changed nothing more.`,
    hint: 'run it again',
    retryable: true,
  });
}

function unreachable(): never {
  throw new Error('Postgres answered without the row that the statement always gives');
}
