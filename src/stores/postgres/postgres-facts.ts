/**
 * What plans may know of the running system, in Postgres. Each group of figures is one read-only transaction that ends after
 * its time; all run at once, so that a plan waits no longer than that. A group that fails or is late is not known.
 */
import type { Address } from '../../spec/address.ts';
import type { FeatureSetStructure } from '../../spec/feature-set-structure.ts';
import type {
  FactsStore,
  FeatureSetFacts,
  ModelFacts,
  OnlineRead,
  OnlineReads,
  PlanFacts,
  RolloutFacts,
  SnapshotFacts,
} from '../control/facts.ts';
import type { Scope } from '../control/state.ts';
import type { Database } from './database.ts';
import { readVersionReaders } from './postgres-version-lives.ts';
import { findScope } from './scopes.ts';
import { sqlFile } from './sql-file.ts';

/** A plan is read by somebody who waits for it. */
const LIMIT_MS = 2000;
/** Newest blocks of predictions of an endpoint that are counted; of busier ones the rate follows from how long these took. */
const BLOCKS_COUNTED = 200_000;
const DAYS = 7;
/** Reads are kept for a day more. */
const READ_DAYS = 30;
/** The migration from which on they are counted by day. */
const READS_COUNTED_SINCE = 27;

const FEATURE_SETS = sqlFile('facts-feature-sets');
const MODELS = sqlFile('facts-models');
const PREDICTIONS = sqlFile('facts-predictions');
const READS = sqlFile('facts-reads');
const ROLLOUTS = sqlFile('rollouts-newest');
const OPEN_ROLLOUTS: ReadonlySet<string> = new Set(['running', 'paused', 'held', 'promoting']);
const SOURCE_SNAPSHOTS = sqlFile('facts-snapshots');
const UNNEEDED = sqlFile('snapshots-unneeded');
const LEFT_BEHIND = sqlFile('facts-left-behind');
const SNAPSHOTS = sqlFile('feature-snapshots');

/** bigint columns arrive as numbers where they are safe, else as text. */
type Int8 = number | string;

export function openFacts(db: Database, scope: Scope, limitMs: number = LIMIT_MS): FactsStore {
  async function group<Row extends Record<string, unknown>>(
    scopeId: number,
    sql: string,
    params: readonly unknown[] = [],
  ): Promise<readonly Row[]> {
    return db.transaction(
      async (tx) => {
        await tx.query("select set_config('statement_timeout', $1, true)", [String(limitMs)]);
        return tx.query<Row>(sql, [scopeId, ...params]);
      },
      { readOnly: true },
    );
  }

  async function all(): Promise<PlanFacts> {
    const scopeId = await findScope(db, scope);
    if (scopeId === undefined) return {};
    const [
      liveRuns,
      models,
      featureSets,
      sources,
      requestsPerDay,
      rollouts,
      onlineReads,
      sourceSnapshots,
      versionReaders,
      leftBehind,
    ] = await Promise.all([
      known(readLiveRuns),
      known(readModels),
      known(readFeatureSets),
      known(readSources),
      known(readRequests),
      known(readRollouts),
      known(readOnlineReads),
      known(readSourceSnapshots),
      known(readReaders),
      known(readLeftBehind),
    ]);
    return {
      ...(liveRuns && { liveRuns }),
      ...(models && { models }),
      ...(featureSets && { featureSets }),
      ...(sources && { sources }),
      ...(requestsPerDay && { requestsPerDay }),
      ...(rollouts && { rollouts }),
      ...(onlineReads && { onlineReads }),
      ...(sourceSnapshots && { sourceSnapshots }),
      ...(versionReaders && { versionReaders }),
      ...(leftBehind && { leftBehind }),
    };

    /** Too late, another schema than this program's, or a connection that was lost: nothing of it is known. */
    async function known<T>(read: (scopeId: number) => Promise<T>): Promise<T | undefined> {
      return read(scopeId as number).catch(() => undefined);
    }
  }

  async function readLiveRuns(scopeId: number): Promise<ReadonlyMap<string, number>> {
    const rows = await group<{ pipeline: string; runs: Int8 }>(
      scopeId,
      "select pipeline, count(*)::bigint as runs from mlops.runs where scope_id = $1 and status in ('queued', 'running') group by pipeline",
    );
    return new Map(rows.map(({ pipeline, runs }) => [pipeline, Number(runs)]));
  }

  async function readModels(scopeId: number): Promise<ReadonlyMap<string, ModelFacts>> {
    const rows = await group<Omit<ModelFacts, 'versions'> & { name: string; versions: Int8 }>(scopeId, MODELS);
    return new Map(rows.map(({ name, versions, ...rest }) => [name, { ...rest, versions: Number(versions) }]));
  }

  async function readFeatureSets(scopeId: number): Promise<ReadonlyMap<string, FeatureSetFacts>> {
    const rows = await group<{
      feature_set: string;
      version: number;
      row_count: Int8;
      bytes: Int8;
      first_event_time: Int8 | null;
      last_event_time: Int8;
      rows_read: Int8 | null;
      seconds: number | null;
      ended_at: Date | null;
    }>(scopeId, FEATURE_SETS);
    return new Map(
      rows.map((row) => [
        row.feature_set,
        {
          version: row.version,
          rows: Number(row.row_count),
          bytes: Number(row.bytes),
          firstEventTime: row.first_event_time === null ? null : BigInt(row.first_event_time),
          lastEventTime: BigInt(row.last_event_time),
          lastMaterialization:
            row.rows_read === null || row.seconds === null || row.ended_at === null
              ? null
              : { rows: Number(row.rows_read), seconds: row.seconds, endedAt: row.ended_at },
        },
      ]),
    );
  }

  async function readRollouts(scopeId: number): Promise<ReadonlyMap<string, RolloutFacts>> {
    const rows = await group<{ endpoint: string; candidate: string; version: number; status: string; share: number }>(
      scopeId,
      ROLLOUTS,
    );
    return new Map(
      rows.flatMap(({ endpoint, candidate, version, status, share }) =>
        OPEN_ROLLOUTS.has(status) ? [[endpoint, { candidate, version, status, share }] as const] : [],
      ),
    );
  }

  async function readReaders(scopeId: number): Promise<NonNullable<PlanFacts['versionReaders']>> {
    return db.transaction(
      async (tx) => {
        await tx.query("select set_config('statement_timeout', $1, true)", [String(limitMs)]);
        const readers = await readVersionReaders(tx, scopeId);
        const structures = await tx.query<{ feature_set: string; version: number; structure: FeatureSetStructure }>(
          'select feature_set, version, structure from mlops.feature_set_versions where scope_id = $1 and feature_set = any($2::text[])',
          [scopeId, [...new Set(readers.map(({ set }) => set))]],
        );
        return readers.map((reader) => {
          const found = structures.find((one) => one.feature_set === reader.set && one.version === reader.version);
          return { ...reader, source: found?.structure.source ?? null, query: found?.structure.query ?? null };
        });
      },
      { readOnly: true },
    );
  }

  async function readSources(scopeId: number): Promise<NonNullable<PlanFacts['sources']>> {
    const rows = await group<{ source: string; row_count: Int8; bytes: Int8 }>(scopeId, SNAPSHOTS, [null]);
    return new Map(
      rows.map(({ source, row_count, bytes }) => [source, { rows: Number(row_count), bytes: Number(bytes) }]),
    );
  }

  async function readRequests(scopeId: number): Promise<ReadonlyMap<string, number>> {
    const rows = await group<{ name: string; predictions: Int8; days: string | null }>(scopeId, PREDICTIONS, [
      BLOCKS_COUNTED,
    ]);
    const perDay = new Map<string, number>();
    for (const { name, predictions, days } of rows) {
      const over = days === null ? DAYS : Math.max(Number(days), 1 / 86_400);
      perDay.set(name, (perDay.get(name) ?? 0) + Number(predictions) / over);
    }
    return perDay;
  }

  async function readOnlineReads(scopeId: number): Promise<OnlineReads> {
    const rows = await group<{ feature_set: string; feature: string; reader: string; reads: Int8 }>(scopeId, READS, [
      READ_DAYS,
    ]);
    const bySet = new Map<string, OnlineRead[]>();
    for (const { feature_set: set, feature, reader, reads } of rows) {
      const one = { feature, reader, reads: Number(reads) };
      const known = bySet.get(set);
      if (known === undefined) bySet.set(set, [one]);
      else known.push(one);
    }
    return { days: await countedDays(), bySet };
  }

  async function readSourceSnapshots(scopeId: number): Promise<ReadonlyMap<string, SnapshotFacts>> {
    const all = await group<{ source: string; applied: boolean; snapshots: Int8; bytes: Int8 }>(
      scopeId,
      SOURCE_SNAPSHOTS,
    );
    const applied = all.filter((one) => one.applied).map(({ source }) => source);
    // Of all ages: when each goes, the plan says.
    const idle = await group<{ source: string; bytes: Int8; since: Date }>(scopeId, UNNEEDED, [applied, 0]);
    return new Map(
      all.map(({ source, snapshots, bytes }) => {
        const own = idle.filter((one) => one.source === source);
        const [first] = own;
        const unneeded =
          first === undefined
            ? null
            : {
                snapshots: own.length,
                bytes: own.reduce((sum, one) => sum + Number(one.bytes), 0),
                since: own.reduce((least, { since }) => (since < least ? since : least), first.since),
              };
        return [source, { all: { snapshots: Number(snapshots), bytes: Number(bytes) }, unneeded }];
      }),
    );
  }

  /** A store that was made, or brought up to date, later knows of fewer. */
  async function countedDays(): Promise<number> {
    const [row] = await db.query<{ days: Int8 }>(
      `select ceil(extract(epoch from clock_timestamp() - applied_at) / 86400)::bigint as days
         from mlops.migrations where version = $1`,
      [READS_COUNTED_SINCE],
    );
    return Math.min(READ_DAYS, Math.max(1, Number(row?.days ?? 1)));
  }

  async function readLeftBehind(scopeId: number): Promise<ReadonlySet<Address>> {
    const rows = await group<{ address: Address }>(scopeId, LEFT_BEHIND);
    return new Set(rows.map(({ address }) => address));
  }

  return {
    read: async () => {
      let late: NodeJS.Timeout | undefined;
      // The server ends its statements in time; this is for one that does not answer at all.
      const nothing = new Promise<PlanFacts>((resolve) => {
        late = setTimeout(() => resolve({}), limitMs + 500);
      });
      return Promise.race([all().catch((): PlanFacts => ({})), nothing]).finally(() => clearTimeout(late));
    },
  };
}
