/** What was served, from the logs that tell it: predictions with what their models got, and kept answers to readers. Page by page, the newest first. */
import { isJsonObject, type JsonObject } from '../../lib/json.ts';
import type { AnswerLogStore, LoggedAnswer } from '../../stores/control/answer-log.ts';
import type { LoggedPrediction, PredictionLogStore } from '../../stores/control/prediction-log.ts';
import { parseTimestamp } from '../time.ts';

/** The logs. */
export const SERVED = ['predictions', 'answers'] as const;

export interface Served {
  readonly kind: 'prediction' | 'answer';
  readonly id: string;
  /** Of a prediction. */
  readonly endpoint: string | null;
  /** Of an answer. */
  readonly reader: string | null;
  readonly at: Date;
  readonly latencyMs: number;
  readonly entity: JsonObject | null;
  /** As of when it was read, in microseconds since 1970; undefined where that was not recorded. */
  readonly asOf: bigint | undefined;
  /** Values that came with the request. */
  readonly given: number;
  /** Undefined where it was not recorded. */
  readonly sets: readonly ServedSet[] | undefined;
}

export interface ServedSet {
  /** As it was called then. */
  readonly set: string;
  readonly version: number;
  /** By feature; null where there was none. */
  readonly values: ReadonlyMap<string, unknown>;
  /** The record that was read; null where there was none. */
  readonly sequence: number | null;
  readonly eventTime: bigint | null;
  readonly expired: boolean;
}

const PAGE = 500;

export async function* servedPredictions(
  log: PredictionLogStore,
  { endpoint, since }: { readonly endpoint?: string | undefined; readonly since?: Date | undefined },
): AsyncGenerator<readonly Served[]> {
  let cursor: string | undefined;
  do {
    const page = await log.list({ ...(endpoint !== undefined && { endpoint }), limit: PAGE, cursor });
    const recent = page.items.filter(({ at }) => since === undefined || at >= since);
    yield recent.filter(isRead).map(ofPrediction);
    cursor = recent.length < page.items.length ? undefined : (page.nextCursor ?? undefined);
  } while (cursor !== undefined);
}

export async function* servedAnswers(
  log: AnswerLogStore,
  { since }: { readonly since?: Date | undefined },
): AsyncGenerator<readonly Served[]> {
  let after: LoggedAnswer | undefined;
  do {
    const page: readonly LoggedAnswer[] = await log.list({ since, after, limit: PAGE });
    yield page.map(ofAnswer);
    after = page.length < PAGE ? undefined : page.at(-1);
  } while (after !== undefined);
}

/** What failed was answered with nothing; of shadows and members those count that tell what they were asked with. */
function isRead({ failure, role, reads }: LoggedPrediction): boolean {
  return failure === undefined && (role === 'answer' || reads !== undefined);
}

function ofPrediction(item: LoggedPrediction): Served {
  const { id, endpoint, at, latencyMs, entity, features, reads } = item;
  const defaults = new Set(listOf(reads?.['defaults']));
  const sets = isJsonObject(reads?.['sets']) ? reads['sets'] : {};
  return {
    kind: 'prediction',
    id,
    endpoint,
    reader: null,
    at,
    latencyMs,
    entity,
    asOf: timeOf(reads?.['at']) ?? undefined,
    given: listOf(reads?.['given']).length,
    sets: isJsonObject(reads)
      ? Object.entries(sets).flatMap(([named, read]) => {
          if (!isJsonObject(read)) return [];
          const set = withoutVersion(named);
          const values = listOf(read['features']).flatMap((feature) => {
            const name = nameOf(features, set, feature);
            // What the endpoint excludes from its log cannot be compared.
            if (features[name] === undefined) return [];
            return [[feature, defaults.has(name) ? null : features[name]] as const];
          });
          return [{ ...recordOf(read), set, values: new Map<string, unknown>(values) }];
        })
      : undefined,
  };
}

function ofAnswer({ reads, ...item }: LoggedAnswer): Served {
  return {
    ...item,
    kind: 'answer',
    endpoint: null,
    asOf: timeOf(reads.at) ?? undefined,
    given: 0,
    sets: Object.entries(reads.sets).map(([named, read]) => ({
      ...recordOf({ ...read }),
      set: withoutVersion(named),
      values: new Map(Object.entries(read.values)),
    })),
  };
}

function recordOf(read: JsonObject): Omit<ServedSet, 'set' | 'values'> {
  return {
    version: Number(read['version']),
    sequence: typeof read['sequence'] === 'number' ? read['sequence'] : null,
    eventTime: timeOf(read['event_time']),
    expired: read['expired'] === true,
  };
}

/** As the model's features name it: the set may have been renamed between. */
function nameOf(features: JsonObject, set: string, feature: string): string {
  const name = `${set}.${feature}`;
  if (features[name] !== undefined) return name;
  return Object.keys(features).find((named) => named.endsWith(`.${feature}`)) ?? name;
}

function withoutVersion(named: string): string {
  const [set = named] = named.split('@');
  return set;
}

function timeOf(value: unknown): bigint | null {
  return typeof value === 'string' ? (parseTimestamp(value) ?? null) : null;
}

function listOf(value: unknown): readonly string[] {
  return Array.isArray(value) ? value.filter((item): item is string => typeof item === 'string') : [];
}
