/**
 * Features of entities now, from the online store: what the point-in-time rule answers at this moment. Each read is counted, and some
 * answers are kept.
 */
import type { Clock } from '../lib/clock.ts';
import { MlopsError } from '../lib/error.ts';
import type { Dtype } from '../spec/schema-types.ts';
import type { Catalog } from '../stores/control/catalog.ts';
import type { OnlineStore, StoredRecord } from '../stores/online.ts';
import type { AnswerLog } from './answer-log.ts';
import { neededFor } from './computed-features.ts';
import { encodeEntity } from './entity-key.ts';
import { type AlignedRow, alignedRows, type FeatureStatus, originOf, type ReadOrigin } from './online-row.ts';
import { createReadPlans, KEPT_PLANS, type ReadPlan, type SetRead } from './read-plan.ts';
import { formatTimestamp, microsOf } from './time.ts';
import type { ReadFeatures, Usage, UsageCounter } from './usage.ts';
import type { VersionCache } from './version-cache.ts';

export interface OnlineRow {
  readonly entity: Entity;
  /** By the name asked for. Null unless present. */
  readonly features: Readonly<Record<string, unknown>>;
  readonly status: Readonly<Record<string, FeatureStatus>>;
  /** ISO 8601 UTC by the name asked for; null where there is no record. */
  readonly eventTime: Readonly<Record<string, string | null>>;
  /** As of when it was read, ISO 8601 UTC. */
  readonly at: string;
  /** By set as it was asked for, `set` or `set@2`: the version that answered, and its record of the entity. */
  readonly origins: Readonly<Record<string, ReadOrigin>>;
}

type Entity = Readonly<Record<string, unknown>>;

/** Rows with what they were made from. */
export interface TracedRead {
  /** As of when it was read, ISO 8601 UTC. */
  readonly at: string;
  /** As they were asked for, `set` or `set@2`. Of one kind of request always the same list. */
  readonly sets: readonly string[];
  readonly rows: readonly AlignedRow[];
  /** By row, then by set: the version that answered, and its record of the entity. */
  readonly origins: readonly (readonly ReadOrigin[])[];
}

export interface FeatureReader {
  /**
   * One round trip for any number of entities and sets. `features` as `set.feature`, or `set@2.feature` for a version.
   * Rows in the order of `entities`. FS201, FS202 and FS206 for what is not there. `reader`: under whose name it is counted.
   */
  read(entities: readonly Entity[], features: readonly string[], reader?: string): Promise<readonly OnlineRow[]>;
  /** The same, for whoever puts the names to it once for all rows. */
  readAligned(
    entities: readonly Entity[],
    features: readonly string[],
    reader?: string,
  ): Promise<readonly AlignedRow[]>;
  /**
   * The same as `readAligned` where what is to be read is known at once: the rows, or a promise of them from a store that is not in this
   * process. Undefined where more has to be waited for, or what is asked for cannot be read.
   */
  readNow(
    entities: readonly Entity[],
    features: readonly string[],
    reader?: string,
  ): readonly AlignedRow[] | Promise<readonly AlignedRow[]> | undefined;
  /** As `readAligned`, with what each row was made from; at once where the store is in this process and what is to be read is known. */
  readTraced(
    entities: readonly Entity[],
    features: readonly string[],
    reader?: string,
  ): TracedRead | Promise<TracedRead>;
  /** Of the versions that `read` reads, in the order of the features. The same errors. */
  dtypesOf(features: readonly string[]): Promise<readonly Dtype[]>;
}

/** What was read: by set, then by entity. */
interface Found {
  readonly records: readonly (readonly (StoredRecord | undefined)[])[];
  readonly now: bigint;
  readonly latencyMs: number;
}

export function createFeatureReader(parts: {
  readonly catalog: Catalog;
  readonly online: OnlineStore;
  readonly clock: Clock;
  readonly versions: VersionCache;
  readonly usage: Usage;
  /** Keeps some of what `readAligned` and `readNow` answer to a reader with a name. */
  readonly answers?: AnswerLog | undefined;
}): FeatureReader {
  const { online, clock, usage, answers } = parts;
  const plans = createReadPlans(parts);

  async function readRecords(
    entities: readonly Entity[],
    features: readonly string[],
    reader: string | undefined,
  ): Promise<Found & { readonly plan: ReadPlan }> {
    const plan = await plans.of(features);
    const begun = performance.now();
    const records = await online.read(requestsOf(plan.reads, entities));
    count(plan, reader, entities.length);
    return { plan, records, now: microsOf(clock.now()), latencyMs: performance.now() - begun };
  }

  function answered(
    plan: ReadPlan,
    reader: string | undefined,
    entities: readonly Entity[],
    found: Found,
  ): readonly AlignedRow[] {
    const rows = rowsOf(plan, entities, found);
    if (reader !== undefined && answers?.isDrawn() === true) keep(answers, { ...found, plan, reader, entities, rows });
    return rows;
  }

  function rowsOf(
    plan: ReadPlan,
    entities: readonly Entity[],
    { records, now }: Pick<Found, 'records' | 'now'>,
  ): readonly AlignedRow[] {
    return alignedRows(plan.reads, records, { entities: entities.length, features: plan.features.length, now });
  }

  function count({ reads, counters }: ReadPlan, reader: string | undefined, entities: number): void {
    if (reader === undefined) return;
    let counter: UsageCounter | undefined = counters.get(reader);
    if (counter === undefined) {
      counter = usage.counter(reader, reads.map(readFeatures));
      if (counters.size < KEPT_PLANS) counters.set(reader, counter);
    }
    usage.count(counter, entities);
  }

  return {
    readAligned: async (entities, features, reader) => {
      const { plan, ...found } = await readRecords(entities, features, reader);
      return answered(plan, reader, entities, found);
    },
    readNow: (entities, features, reader) => {
      try {
        const plan = plans.now(features);
        if (plan === undefined) return undefined;
        const requests = requestsOf(plan.reads, entities);
        const found = (records: Found['records'], latencyMs: number) => {
          count(plan, reader, entities.length);
          return answered(plan, reader, entities, { records, now: microsOf(clock.now()), latencyMs });
        };
        const records = online.readNow?.(requests);
        if (records !== undefined) return found(records, 0);
        const begun = performance.now();
        return online.read(requests).then((read) => found(read, performance.now() - begun));
      } catch (error) {
        // Told by whoever waits for it: what is known may be old.
        if (error instanceof MlopsError) return undefined;
        throw error;
      }
    },
    readTraced: (entities, features, reader) => {
      const traced = (plan: ReadPlan, records: Found['records']): TracedRead => {
        count(plan, reader, entities.length);
        const now = microsOf(clock.now());
        return {
          at: formatTimestamp(now),
          sets: plan.sets,
          rows: rowsOf(plan, entities, { records, now }),
          origins: entities.map((_, row) =>
            plan.reads.map((read, index) => originOf(read, records[index]?.[row], now)),
          ),
        };
      };
      const later = async (): Promise<TracedRead> => {
        const plan = await plans.of(features);
        return traced(plan, await online.read(requestsOf(plan.reads, entities)));
      };
      let plan: ReadPlan | undefined;
      let records: Found['records'] | undefined;
      try {
        plan = plans.now(features);
        records = plan && online.readNow?.(requestsOf(plan.reads, entities));
      } catch (error) {
        // Told by whoever waits for it: what is known may be old.
        if (!(error instanceof MlopsError)) throw error;
      }
      return plan === undefined || records === undefined ? later() : traced(plan, records);
    },
    dtypesOf: async (features) => {
      const dtypes = new Array<Dtype>(features.length);
      for (const { asked } of (await plans.of(features)).reads) for (const { at, dtype } of asked) dtypes[at] = dtype;
      return dtypes;
    },
    read: async (entities, features, reader) => {
      const { plan, ...found } = await readRecords(entities, features, reader);
      const rows = rowsOf(plan, entities, found);
      const at = formatTimestamp(found.now);
      const named = <T>(values: readonly T[]): Record<string, T> =>
        Object.fromEntries(features.map((name, at) => [name, values[at] as T]));
      return rows.map(({ values, statuses, eventTimes }, row) => ({
        entity: entities[row] ?? {},
        features: named(values),
        status: named(statuses),
        eventTime: named(eventTimes),
        at,
        origins: Object.fromEntries(
          plan.reads.map((read, index) => [
            plan.sets[index] ?? '',
            originOf(read, found.records[index]?.[row], found.now),
          ]),
        ),
      }));
    },
  };
}

/** One entity of what was answered. */
function keep(
  answers: AnswerLog,
  {
    plan,
    reader,
    entities,
    rows,
    records,
    now,
    latencyMs,
  }: Found & {
    readonly plan: ReadPlan;
    readonly reader: string;
    readonly entities: readonly Entity[];
    readonly rows: readonly AlignedRow[];
  },
): void {
  if (entities.length === 0) return;
  const row = answers.pick(entities.length);
  answers.add({
    reader,
    entity: entities[row] ?? {},
    at: formatTimestamp(now),
    latencyMs,
    reads: plan.reads.map((read, index) => ({
      set: read.version.set,
      ...originOf(read, records[index]?.[row], now),
      features: read.asked.map(({ feature, at }) => [feature, rows[row]?.values[at]] as const),
    })),
  });
}

function requestsOf(reads: readonly SetRead[], entities: readonly Entity[]) {
  return reads.map(({ version, table, keys }) => ({
    table,
    keys: entities.map((entity) => encodeEntity(version.set, keys, entity)),
  }));
}

/** What is asked for, and what computed features read for it. */
function readFeatures({ version: { set, version }, asked, computed }: SetRead): ReadFeatures {
  const names = asked.map(({ feature }) => feature);
  return { set, version, features: [...neededFor(names, computed).reads] };
}
