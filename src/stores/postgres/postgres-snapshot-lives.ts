/** Snapshots that are let go, in Postgres. */
import { randomUUID } from 'node:crypto';
import type { SnapshotLives, SnapshotReading, UnneededSnapshot } from '../control/snapshot-lives.ts';
import type { Database, Queryable } from './database.ts';
import { lockName } from './feature-claims.ts';
import { sqlFile } from './sql-file.ts';

const UNNEEDED = sqlFile('snapshots-unneeded');
const HOLD = sqlFile('snapshots-hold');

interface Row {
  readonly snapshot_id: number | string;
  readonly source: string;
  readonly digest: string;
  readonly location: string;
  readonly row_count: number | string;
  readonly bytes: number | string;
  readonly since: Date;
}

export function postgresSnapshotLives(db: Database, scopeId: number): SnapshotLives {
  const unneeded = (query: Queryable, applied: readonly string[], keepMs: number): Promise<Row[]> =>
    query.query<Row & Record<string, unknown>>(UNNEEDED, [scopeId, applied, keepMs]);
  return {
    readSnapshots: async (locations, reader, leaseMs) => {
      const id = randomUUID();
      const held = await db.transaction(async (tx) => {
        // Shared: whoever lets snapshots go has ended, or sees what is held here.
        await tx.query('select pg_advisory_xact_lock_shared(hashtextextended($1, 0))', [snapshotsLock(scopeId)]);
        const [there] = await tx.query<{ all: boolean }>(HOLD, [scopeId, id, locations, reader, leaseMs]);
        return there?.all === true;
      });
      const of = [scopeId, id];
      const reading: SnapshotReading = {
        renew: async (ms) => {
          await db.query(
            `update mlops.snapshot_readers set lease_ends_at = clock_timestamp() + $3 * interval '1 millisecond'
              where scope_id = $1 and reader_id = $2`,
            [...of, ms],
          );
        },
        release: async () => {
          await db.query('delete from mlops.snapshot_readers where scope_id = $1 and reader_id = $2', of);
        },
      };
      return held ? reading : undefined;
    },
    unneededSnapshots: async (applied, keepMs) => (await unneeded(db, applied, keepMs)).map(snapshotOf),
    letSnapshotsGo: (applied, keepMs) =>
      db.transaction(async (tx) => {
        await tx.query('select pg_advisory_xact_lock(hashtextextended($1, 0))', [snapshotsLock(scopeId)]);
        const rows = await unneeded(tx, applied, keepMs);
        await tx.query(
          'update mlops.source_snapshots set gone_at = clock_timestamp() where scope_id = $1 and snapshot_id = any($2::bigint[])',
          [scopeId, rows.map(({ snapshot_id }) => snapshot_id)],
        );
        return rows.map(snapshotOf);
      }),
    goneSnapshots: async () =>
      (
        await db.query<{ location: string }>(
          'select distinct location from mlops.source_snapshots where scope_id = $1 and gone_at is not null order by location',
          [scopeId],
        )
      ).map(({ location }) => location),
    forgetSnapshot: (location, remove) =>
      db.transaction(async (tx) => {
        await lockLocation(tx, scopeId, location);
        const recorded = await tx.query<{ location: string }>(
          'select distinct location from mlops.source_snapshots where scope_id = $1 and gone_at is null',
          [scopeId],
        );
        const locations = recorded.map((row) => row.location);
        if (!locations.includes(location)) await remove(locations);
        await tx.query(
          'delete from mlops.source_snapshots where scope_id = $1 and location = $2 and gone_at is not null',
          [scopeId, location],
        );
      }),
  };
}

/** Of who lets snapshots go; shared by who records what was made from them. */
export function snapshotsLock(scopeId: number): string {
  return lockName(scopeId, 'snapshots', '');
}

/** Until the commit no snapshot of this location is recorded or forgotten by another. */
export async function lockLocation(tx: Queryable, scopeId: number, location: string): Promise<void> {
  await tx.query('select pg_advisory_xact_lock(hashtextextended($1, 0))', [lockName(scopeId, 'location', location)]);
}

function snapshotOf({ source, digest, location, row_count, bytes, since }: Row): UnneededSnapshot {
  return { source, digest, location, rows: Number(row_count), bytes: Number(bytes), since };
}
