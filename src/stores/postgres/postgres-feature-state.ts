/** The feature state in Postgres. */
import type { Column } from '../../spec/column.ts';
import type { FeatureSetStructure } from '../../spec/feature-set-structure.ts';
import type {
  FeatureSetVersion,
  FeatureState,
  NewPart,
  PendingUpdate,
  RecordedSnapshot,
  VersionStatus,
} from '../control/feature-state.ts';
import { whileOpen } from './apply-journal.ts';
import { createBatcher } from './batcher.ts';
import type { Database, Queryable } from './database.ts';
import { createClaims, lockName } from './feature-claims.ts';
import { postgresMaterializationStandings } from './postgres-materialization-standings.ts';
import { postgresServedHistory } from './postgres-served-history.ts';
import { lockLocation, postgresSnapshotLives } from './postgres-snapshot-lives.ts';
import { postgresTrainingSets } from './postgres-training-sets.ts';
import { postgresVersionLives } from './postgres-version-lives.ts';
import { sqlFile } from './sql-file.ts';

const ADD_SNAPSHOT = sqlFile('feature-add-snapshot');
const SNAPSHOTS = sqlFile('feature-snapshots');
const REGISTER_VERSION = sqlFile('feature-register-version');
const VERSIONS = sqlFile('feature-versions');
const DROP = sqlFile('feature-drop');
const PUSH = sqlFile('feature-push');
const PUSH_TIMES = sqlFile('feature-push-times');

interface Registration {
  readonly applyId: string | undefined;
  readonly set: string;
  readonly digest: string;
  readonly structure: FeatureSetStructure;
  /** Set when it is registered. */
  version: number | undefined;
}

/** bigint columns arrive as numbers where they are safe, else as text. */
type Int8 = number | string;

interface SnapshotRow {
  readonly source: string;
  readonly digest: string;
  readonly location: string;
  readonly row_count: Int8;
  readonly bytes: Int8;
  readonly columns: readonly Column[];
  readonly created_at: Date;
}

interface VersionRow {
  readonly feature_set: string;
  readonly version: number;
  readonly storage: string;
  readonly digest: string;
  readonly structure: FeatureSetStructure;
  readonly status: VersionStatus;
  readonly event_watermark: Int8 | null;
  readonly inputs: Readonly<Record<string, string>> | null;
  readonly registered_at: Date;
  readonly serving_since: Date | null;
  readonly retired_at: Date | null;
  readonly retired_why: string | null;
  readonly swept: boolean;
  readonly kept_until: Date | null;
  readonly pushes_since: Int8;
  readonly row_count: Int8;
  readonly parts: Int8;
}

interface PartRow {
  readonly sequence: Int8;
  readonly location: string;
  readonly row_count: Int8;
  readonly bytes: Int8;
  readonly min_event_time: Int8 | null;
  readonly max_event_time: Int8;
  readonly max_visible_time: Int8;
  readonly pushed: boolean | null;
}

interface UpdateRow {
  readonly sequence: Int8;
  readonly entity_key: Readonly<Record<string, unknown>>;
  readonly event_time: Int8;
  readonly created_time: Int8 | null;
  readonly feature_values: Readonly<Record<string, unknown>>;
}

export function createPostgresFeatureState(db: Database, scopeId: number): FeatureState {
  // An apply registers thousands of sets: those that overlap share a commit.
  const registrations = createBatcher<Registration>(
    ({ set }) => set,
    (batch) => registerVersions(db, scopeId, batch),
  );

  async function latestSnapshots(source: string | null): Promise<readonly RecordedSnapshot[]> {
    return (await db.query<SnapshotRow>(SNAPSHOTS, [scopeId, source])).map(snapshotOf);
  }

  return {
    ...postgresVersionLives(db, scopeId),
    ...postgresTrainingSets(db, scopeId),
    ...postgresServedHistory(db, scopeId),
    ...postgresSnapshotLives(db, scopeId),
    ...postgresMaterializationStandings(db, scopeId),
    now: async () => {
      const rows = await db.query<{ now: Date }>('select clock_timestamp() as now');
      return rows[0]?.now ?? unreachable();
    },
    latestSnapshot: async (source) => (await latestSnapshots(source))[0],
    latestSnapshots: () => latestSnapshots(null),
    addSnapshot: (snapshot) =>
      db.transaction(async (tx) => {
        await lock(tx, scopeId, 'snapshot', snapshot.source);
        await lockLocation(tx, scopeId, snapshot.location);
        const added = await tx.query(ADD_SNAPSHOT, [
          scopeId,
          snapshot.source,
          snapshot.digest,
          snapshot.location,
          snapshot.rows,
          snapshot.bytes,
          JSON.stringify(snapshot.columns),
        ]);
        const rows = await tx.query<SnapshotRow>(SNAPSHOTS, [scopeId, snapshot.source]);
        return { snapshot: snapshotOf(rows[0] ?? unreachable()), changed: added.length > 0 };
      }),
    registerVersion: async (set, digest, structure, applyId) => {
      const registration: Registration = { set, digest, structure, applyId, version: undefined };
      await registrations.add(registration);
      return registration.version ?? unreachable();
    },
    versions: async (set) =>
      (await db.prepared<VersionRow>('feature-versions', VERSIONS, [scopeId, set ?? null])).map(versionOf),
    parts: async (set, version) =>
      (
        await db.query<PartRow>(
          "select sequence, location, row_count, bytes, min_event_time, max_event_time, max_visible_time, pushed from mlops.feature_parts where scope_id = $1 and feature_set = mlops.current_name($1, 'feature_set', $2) and version = $3 order by sequence, location",
          [scopeId, set, version],
        )
      ).map(partOf),
    drop: async (set, applyId) => {
      const rows = await db.transaction(async (tx) => {
        await whileOpen(tx, scopeId, [applyId]);
        return tx.query<{ feature_set: string; version: number; storage: string }>(DROP, [scopeId, set]);
      });
      return rows.map((row) => ({ set: row.feature_set, version: row.version, storage: row.storage }));
    },
    materializing: createClaims(db, scopeId),
    push: ({ set, version, recorded: kept, there, served = true, released = [] }, prepare, apply) =>
      db.transaction(async (tx) => {
        await lock(tx, scopeId, 'push', set);
        if (there !== undefined && !(await areThere(tx, scopeId, set, there))) return false;
        const rows = await prepare(await letGo(tx, scopeId, released));
        const payload = rows.map((row) => ({
          ...row,
          eventTime: String(row.eventTime),
          createdTime: row.createdTime === null ? null : String(row.createdTime),
        }));
        const recorded = kept
          ? await tx.query<{ sequence: Int8 }>(PUSH, [scopeId, set, version, JSON.stringify(payload)])
          : await tx.query<{ sequence: Int8 }>(
              "select nextval('mlops.feature_sequence') as sequence from generate_series(1, $1)",
              [rows.length],
            );
        const sequenced = rows.map((row, index) => ({
          ...row,
          sequence: Number(recorded[index]?.sequence ?? unreachable()),
        }));
        const target = kept ? (served ? 'both' : 'offline') : 'online';
        await tx.query(PUSH_TIMES, [scopeId, set, target, JSON.stringify(rangesOf(sequenced, version))]);
        await apply(sequenced);
        return true;
      }),
    pendingUpdates: async (set, version, limit) =>
      (
        await db.query<UpdateRow>(
          "select sequence, entity_key, event_time, created_time, feature_values from mlops.feature_updates where scope_id = $1 and feature_set = mlops.current_name($1, 'feature_set', $2) and version = $3 order by sequence limit $4",
          [scopeId, set, version, limit],
        )
      ).map(updateOf),
  };
}

/** Out of quarantine: those that were still held. */
async function letGo(tx: Queryable, scopeId: number, ids: readonly number[]): Promise<ReadonlySet<number>> {
  if (ids.length === 0) return new Set();
  const rows = await tx.query<{ quarantine_id: Int8 }>(
    'delete from mlops.quarantined_rows where scope_id = $1 and quarantine_id = any($2::bigint[]) returning quarantine_id',
    [scopeId, ids],
  );
  return new Set(rows.map((row) => Number(row.quarantine_id)));
}

/** Of each version the first and the last sequence of its rows. */
function rangesOf(
  rows: readonly { readonly version?: number; readonly sequence: number }[],
  otherwise: number,
): readonly { readonly version: number; readonly first: number; readonly last: number }[] {
  const ranges = new Map<number, { version: number; first: number; last: number }>();
  for (const { version = otherwise, sequence } of rows) {
    const range = ranges.get(version);
    if (range === undefined) ranges.set(version, { version, first: sequence, last: sequence });
    else range.last = sequence;
  }
  return [...ranges.values()];
}

/** Under the lock of the set's pushes nothing is registered, retired or brought back. */
async function areThere(tx: Queryable, scopeId: number, set: string, versions: readonly number[]): Promise<boolean> {
  const rows = await tx.query<{ version: number }>(
    "select version from mlops.feature_set_versions where scope_id = $1 and feature_set = mlops.current_name($1, 'feature_set', $2) and status in ('registered', 'serving')",
    [scopeId, set],
  );
  return rows.length === versions.length && rows.every(({ version }) => versions.includes(version));
}

/** One transaction for all; the locks are taken in one order everywhere, so that nobody waits in a circle. */
async function registerVersions(db: Database, scopeId: number, batch: readonly Registration[]): Promise<void> {
  const rows = await db.transaction(async (tx) => {
    await whileOpen(
      tx,
      scopeId,
      batch.map(({ applyId }) => applyId),
    );
    await tx.query(
      'select pg_advisory_xact_lock(key) from (select hashtextextended(name, 0) as key from unnest($1::text[]) as name order by key) as keys',
      // Of a set's pushes too: each is of one side of the registration, as every version's `pushes_since` says.
      [batch.flatMap(({ set }) => [lockName(scopeId, 'version', set), lockName(scopeId, 'push', set)])],
    );
    const asked = batch.map(({ set, digest, structure }) => ({ set, digest, structure }));
    return tx.query<{ feature_set: string; version: number }>(REGISTER_VERSION, [scopeId, JSON.stringify(asked)]);
  });
  const versions = new Map(rows.map((row) => [row.feature_set, row.version]));
  for (const registration of batch) registration.version = versions.get(registration.set);
}

async function lock(tx: Queryable, scopeId: number, what: string, name: string): Promise<void> {
  await tx.query('select pg_advisory_xact_lock(hashtextextended($1, 0))', [lockName(scopeId, what, name)]);
}

function unreachable(): never {
  throw new Error('Postgres answered without the row that the statement always gives');
}

function snapshotOf(row: SnapshotRow): RecordedSnapshot {
  const { source, digest, location, columns } = row;
  return {
    source,
    digest,
    location,
    columns,
    rows: Number(row.row_count),
    bytes: Number(row.bytes),
    createdAt: row.created_at,
  };
}

function versionOf(row: VersionRow): FeatureSetVersion {
  return {
    set: row.feature_set,
    version: row.version,
    storage: row.storage,
    digest: row.digest,
    structure: row.structure,
    status: row.status,
    eventWatermark: row.event_watermark === null ? null : BigInt(row.event_watermark),
    inputs: row.inputs,
    rows: Number(row.row_count),
    parts: Number(row.parts),
    registeredAt: row.registered_at,
    servingSince: row.serving_since,
    retiredAt: row.retired_at,
    retiredWhy: row.retired_why,
    swept: row.swept,
    keptUntil: row.kept_until,
    pushesSince: Number(row.pushes_since),
  };
}

function partOf(row: PartRow): NewPart {
  return {
    sequence: Number(row.sequence),
    location: row.location,
    rows: Number(row.row_count),
    bytes: Number(row.bytes),
    minEventTime: row.min_event_time === null ? null : BigInt(row.min_event_time),
    maxEventTime: BigInt(row.max_event_time),
    maxVisibleTime: BigInt(row.max_visible_time),
    pushed: row.pushed,
  };
}

function updateOf(row: UpdateRow): PendingUpdate {
  return {
    sequence: Number(row.sequence),
    key: row.entity_key,
    eventTime: BigInt(row.event_time),
    createdTime: row.created_time === null ? null : BigInt(row.created_time),
    values: row.feature_values,
  };
}
