/** Statistics, checks, quarantine and use of features in Postgres. */
import type {
  CheckFailure,
  DatasetStatistics,
  FeatureCheck,
  FeatureQuality,
  FeatureStatistics,
  QuarantinedRow,
  StatisticsKind,
} from '../control/feature-quality.ts';
import type { ColumnProfile } from '../profile.ts';
import type { Database } from './database.ts';
import { sqlFile } from './sql-file.ts';

/** Statistics of each kind, and checks, that are kept of a version. */
const KEPT = 500;

/** bigint columns arrive as numbers where they are safe, else as text. */
type Int8 = number | string;
type Columns = Readonly<Record<string, ColumnProfile>>;

interface StatisticsRow {
  readonly feature_set: string;
  readonly version: number;
  readonly kind: StatisticsKind;
  readonly from_sequence: Int8;
  readonly through_sequence: Int8;
  readonly row_count: Int8;
  readonly superseded: Int8;
  readonly entities: Int8 | null;
  readonly min_event_time: Int8 | null;
  readonly max_event_time: Int8 | null;
  readonly columns: Columns;
  readonly computed_at: Date;
}

interface CheckRow {
  readonly feature_set: string;
  readonly version: number;
  readonly origin: FeatureCheck['origin'];
  readonly rows_read: Int8;
  readonly rows_new: Int8;
  readonly rows_skipped: Int8;
  readonly duplicates: Int8;
  readonly quarantined: Int8;
  readonly outcome: FeatureCheck['outcome'];
  readonly failures: readonly CheckFailure[];
  readonly checked_at: Date;
}

interface HeldRowRow {
  readonly quarantine_id: Int8;
  readonly feature_set: string;
  readonly version: number;
  readonly fingerprint: string;
  readonly origin: QuarantinedRow['origin'];
  readonly entity_key: Readonly<Record<string, unknown>>;
  readonly event_time: Int8;
  readonly created_time: Int8 | null;
  readonly feature_values: Readonly<Record<string, unknown>>;
  readonly reasons: readonly string[];
  readonly held_since: Date;
}

interface UsageRow {
  readonly feature_set: string;
  readonly version: number;
  readonly feature: string;
  readonly reader: string;
  readonly reads: Int8;
  readonly entities: Int8;
  readonly first_at: Date;
  readonly last_at: Date;
}

export function createPostgresFeatureQuality(db: Database, scopeId: number): FeatureQuality {
  return {
    addStatistics: async (statistics) => {
      const { set, version, kind, fromSequence, throughSequence, rows, superseded, entities } = statistics;
      const added = await db.query(sqlFile('quality-add-statistics'), [
        scopeId,
        set,
        version,
        kind,
        fromSequence,
        throughSequence,
        rows,
        superseded,
        entities,
        textOf(statistics.minEventTime),
        textOf(statistics.maxEventTime),
        JSON.stringify(statistics.columns),
        KEPT,
      ]);
      return added.length > 0;
    },
    statistics: async ({ set, version, kind, limit }) =>
      (
        await db.query<StatisticsRow>(sqlFile('quality-statistics'), [
          scopeId,
          set ?? null,
          version ?? null,
          kind,
          set === undefined ? 1 : limit,
        ])
      ).map(statisticsOf),
    addDatasetStatistics: async ({ digest, rows, columns }) => {
      await db.query(
        'insert into mlops.dataset_statistics (scope_id, digest, row_count, columns) values ($1, $2, $3, $4) on conflict do nothing',
        [scopeId, digest, rows, JSON.stringify(columns)],
      );
    },
    datasetStatistics: async (digest) => {
      const [found] = await db.query<{ digest: string; row_count: Int8; columns: Columns; computed_at: Date }>(
        'select digest, row_count, columns, computed_at from mlops.dataset_statistics where scope_id = $1 and digest = $2',
        [scopeId, digest],
      );
      return found && datasetOf(found);
    },
    addCheck: async ({ set, version, ...check }) => {
      await db.query(sqlFile('quality-add-check'), [scopeId, set, version, JSON.stringify(check), KEPT]);
    },
    checks: async ({ set, version, limit }) =>
      (
        await db.query<CheckRow>(sqlFile('quality-checks'), [
          scopeId,
          set ?? null,
          version ?? null,
          set === undefined ? 1 : limit,
        ])
      ).map(checkOf),
    hold: async (set, version, rows) => {
      if (rows.length === 0) return;
      const given = rows.map((row) => ({
        ...row,
        eventTime: String(row.eventTime),
        createdTime: textOf(row.createdTime),
      }));
      await db.query(sqlFile('quality-hold'), [scopeId, set, version, JSON.stringify(given)]);
    },
    settle: async (set, version, stillHeld) => {
      const gone = await db.query(
        "delete from mlops.quarantined_rows where scope_id = $1 and feature_set = mlops.current_name($1, 'feature_set', $2) and version = $3 and origin = 'materialization' and not fingerprint = any($4::text[]) returning quarantine_id",
        [scopeId, set, version, stillHeld],
      );
      return gone.length;
    },
    held: async ({ set, version, ids, origin, after, limit }) =>
      (
        await db.query<HeldRowRow>(sqlFile('quality-held'), [
          scopeId,
          set ?? null,
          version ?? null,
          ids ?? null,
          after ?? 0,
          limit,
          origin ?? null,
        ])
      ).map(heldOf),
    heldCounts: async () =>
      (
        await db.query<{ feature_set: string; version: number; held: Int8 }>(
          'select feature_set, version, count(*) as held from mlops.quarantined_rows where scope_id = $1 group by feature_set, version order by feature_set, version',
          [scopeId],
        )
      ).map((row) => ({ set: row.feature_set, version: row.version, rows: Number(row.held) })),
    letGo: async (ids) => {
      await db.query('delete from mlops.quarantined_rows where scope_id = $1 and quarantine_id = any($2::bigint[])', [
        scopeId,
        ids,
      ]);
    },
    addReads: async (reads) => {
      if (reads.length > 0) await db.query(sqlFile('quality-add-reads'), [scopeId, JSON.stringify(reads)]);
    },
    reads: async (set) =>
      (
        await db.query<UsageRow>(
          "select feature_set, version, feature, reader, reads, entities, first_at, last_at from mlops.feature_usage where scope_id = $1 and ($2::text is null or feature_set = mlops.current_name($1, 'feature_set', $2)) order by feature_set, version, feature, reader",
          [scopeId, set ?? null],
        )
      ).map((row) => ({
        set: row.feature_set,
        version: row.version,
        feature: row.feature,
        reader: row.reader,
        reads: Number(row.reads),
        entities: Number(row.entities),
        firstAt: row.first_at,
        lastAt: row.last_at,
      })),
    newestIngestions: async () =>
      (
        await db.query<{ feature_set: string; version: number; at: Date }>(
          'select feature_set, version, max(created_at) as at from mlops.feature_parts where scope_id = $1 group by feature_set, version',
          [scopeId],
        )
      ).map((row) => ({ set: row.feature_set, version: row.version, at: row.at })),
  };
}

/** bigint has no JSON form, and pg takes text. */
function textOf(micros: bigint | null): string | null {
  return micros === null ? null : String(micros);
}

function microsOf(stored: Int8 | null): bigint | null {
  return stored === null ? null : BigInt(stored);
}

function statisticsOf(row: StatisticsRow): FeatureStatistics {
  return {
    set: row.feature_set,
    version: row.version,
    kind: row.kind,
    fromSequence: Number(row.from_sequence),
    throughSequence: Number(row.through_sequence),
    rows: Number(row.row_count),
    superseded: Number(row.superseded),
    entities: row.entities === null ? null : Number(row.entities),
    minEventTime: microsOf(row.min_event_time),
    maxEventTime: microsOf(row.max_event_time),
    columns: row.columns,
    computedAt: row.computed_at,
  };
}

function datasetOf(row: {
  readonly digest: string;
  readonly row_count: Int8;
  readonly columns: Columns;
  readonly computed_at: Date;
}): DatasetStatistics {
  return { digest: row.digest, rows: Number(row.row_count), columns: row.columns, computedAt: row.computed_at };
}

function checkOf(row: CheckRow): FeatureCheck {
  return {
    set: row.feature_set,
    version: row.version,
    origin: row.origin,
    rowsRead: Number(row.rows_read),
    rowsNew: Number(row.rows_new),
    rowsSkipped: Number(row.rows_skipped),
    duplicates: Number(row.duplicates),
    quarantined: Number(row.quarantined),
    outcome: row.outcome,
    failures: row.failures,
    checkedAt: row.checked_at,
  };
}

function heldOf(row: HeldRowRow): QuarantinedRow {
  return {
    id: Number(row.quarantine_id),
    set: row.feature_set,
    version: row.version,
    fingerprint: row.fingerprint,
    origin: row.origin,
    key: row.entity_key,
    eventTime: BigInt(row.event_time),
    createdTime: row.created_time === null ? null : BigInt(row.created_time),
    values: row.feature_values,
    reasons: row.reasons,
    heldSince: row.held_since,
  };
}
