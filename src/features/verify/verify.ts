/**
 * Replays logged predictions: what each model was asked with, against what the offline store answers for that moment. Every
 * difference has a cause; page by page, so that memory holds one page and the rows of the keys that differ.
 */
import { MlopsError } from '../../lib/error.ts';
import { isJsonObject, type JsonObject } from '../../lib/json.ts';
import type { KeyType } from '../../spec/schema-types.ts';
import type { Catalog } from '../../stores/control/catalog.ts';
import type { FeatureSetVersion, FeatureState } from '../../stores/control/feature-state.ts';
import type { LoggedPrediction, PredictionLogStore } from '../../stores/control/prediction-log.ts';
import type { OfflineStore } from '../../stores/offline.ts';
import { type FeatureCall, keyColumns, ttlMicros } from '../definitions.ts';
import { coerceKey } from '../entity-key.ts';
import { parseTimestamp } from '../time.ts';
import { CAUSES, type Cause, EXPLAINED } from './causes.ts';
import { createExplainer, type Difference } from './explain.ts';
import { type Asked, replay } from './replay.ts';
import { sameValue } from './same-value.ts';

export interface VerifyRequest {
  readonly endpoint?: string | undefined;
  /** Predictions from then on. */
  readonly since?: Date | undefined;
  /** The share of them that is looked at, above 0 to 1; always the same ones. Default 1. */
  readonly sample?: number | undefined;
}

export interface VerifyReport {
  readonly predictions: number;
  /** Values that were read online, and compared. */
  readonly values: number;
  readonly equal: number;
  /** Values that came with the request: there is nothing to compare. */
  readonly given: number;
  /** Predictions that were logged before it was recorded what they read. */
  readonly unrecorded: number;
  readonly causes: readonly {
    readonly cause: Cause;
    readonly means: string;
    readonly explained: boolean;
    readonly values: number;
    readonly example: DifferenceExample;
  }[];
  /** Values with a cause that nothing explains. */
  readonly unexplained: number;
}

export interface DifferenceExample {
  readonly prediction: string;
  readonly endpoint: string;
  readonly at: Date;
  readonly feature: string;
  readonly version: number;
  readonly entity: JsonObject | null;
  readonly served: unknown;
  readonly offline: unknown;
}

export interface VerifyParts {
  readonly catalog: Catalog;
  readonly featureState: FeatureState;
  readonly offline: OfflineStore;
  readonly predictions: PredictionLogStore;
}

/** What of one prediction was read of one set. */
interface ReadOfSet {
  readonly item: LoggedPrediction;
  readonly asked: Asked;
  readonly sequence: number | null;
  readonly eventTime: bigint | null;
  readonly expired: boolean;
  readonly features: readonly string[];
  readonly defaults: ReadonlySet<string>;
}

const PAGE = 500;

export async function verify(
  parts: VerifyParts,
  { endpoint, since, sample = 1 }: VerifyRequest,
  call: FeatureCall,
): Promise<VerifyReport> {
  const counts = { predictions: 0, values: 0, equal: 0, given: 0, unrecorded: 0 };
  const found = new Map<Cause, { values: number; example: DifferenceExample }>();
  const versions = await parts.featureState.versions();
  const explainer = createExplainer(parts, call);
  const tell = (cause: Cause, example: DifferenceExample): void => {
    const known = found.get(cause);
    if (known === undefined) found.set(cause, { values: 1, example });
    else known.values += 1;
  };

  let cursor: string | undefined;
  do {
    call.signal.throwIfAborted();
    const page = await parts.predictions.list({ ...(endpoint !== undefined && { endpoint }), limit: PAGE, cursor });
    const recent = page.items.filter(({ at }) => since === undefined || at >= since);
    const groups = new Map<FeatureSetVersion, ReadOfSet[]>();
    for (const item of recent) {
      if (!isSampled(item.id, sample)) continue;
      counts.predictions += 1;
      const { reads } = item;
      if (!isJsonObject(reads)) {
        counts.unrecorded += 1;
        continue;
      }
      counts.given += listOf(reads['given']).length;
      for (const [named, origin] of Object.entries(isJsonObject(reads['sets']) ? reads['sets'] : {})) {
        if (!isJsonObject(origin)) continue;
        const features = listOf(origin['features']);
        counts.values += features.length;
        const [set = named] = named.split('@');
        const name = parts.catalog.get('feature_set', set)?.name ?? set;
        const version = versions.find((one) => one.set === name && one.version === origin['version']);
        const asked = version?.status === 'serving' ? askedBy(version, item, reads) : undefined;
        if (version === undefined || asked === undefined) {
          for (const feature of features)
            tell(
              'version',
              example(item, `${set}.${feature}`, Number(origin['version']), item.features[`${set}.${feature}`], null),
            );
          continue;
        }
        const group = groups.get(version) ?? [];
        groups.set(version, group);
        const eventTime =
          typeof origin['event_time'] === 'string' ? (parseTimestamp(origin['event_time']) ?? null) : null;
        group.push({
          item,
          asked,
          eventTime,
          sequence: typeof origin['sequence'] === 'number' ? origin['sequence'] : null,
          expired: origin['expired'] === true,
          features,
          defaults: new Set(listOf(reads['defaults'])),
        });
      }
    }
    for (const [version, group] of groups) await verifyGroup(version, group);
    cursor = recent.length < page.items.length ? undefined : (page.nextCursor ?? undefined);
  } while (cursor !== undefined);

  async function verifyGroup(version: FeatureSetVersion, group: readonly ReadOfSet[]): Promise<void> {
    const spec = parts.catalog.get('feature_set', version.set)?.spec;
    const ttl = spec === undefined ? null : ttlMicros(spec);
    const features = [...new Set(group.flatMap((read) => read.features))];
    const recorded = await parts.featureState.parts(version.set, version.version);
    const locations = recorded.map(({ location }) => location);
    const answers = await replay(
      parts.offline,
      version,
      features,
      group.map(({ asked }) => asked),
      { parts: locations, ttl },
      call,
    );
    const differences: (Difference & { readonly item: LoggedPrediction })[] = [];
    for (const [row, read] of group.entries()) {
      for (const feature of read.features) {
        const name = `${nameIn(read, version.set)}.${feature}`;
        const served = read.defaults.has(name) ? null : (read.item.features[name] ?? null);
        const offline = answers[row]?.[features.indexOf(feature)] ?? null;
        const dtype = version.structure.features[feature]?.dtype ?? 'float64';
        if (sameValue(dtype, served, offline)) counts.equal += 1;
        else differences.push({ ...read, feature, dtype, served, offline });
      }
    }
    const causes = await explainer.explain(version, ttl, locations, differences);
    for (const [at, difference] of differences.entries()) {
      const { item, feature, served, offline } = difference;
      tell(causes[at] ?? 'unaccounted', example(item, `${version.set}.${feature}`, version.version, served, offline));
    }
  }

  const causes = (Object.keys(CAUSES) as Cause[]).flatMap((cause) => {
    const one = found.get(cause);
    return one === undefined ? [] : [{ cause, means: CAUSES[cause], explained: EXPLAINED.has(cause), ...one }];
  });
  const unexplained = causes.reduce((sum, { explained, values }) => sum + (explained ? 0 : values), 0);
  return { ...counts, causes, unexplained };
}

/** Always the same ones: ids are random. */
function isSampled(id: string, share: number): boolean {
  return Number.parseInt(id.slice(0, 8), 16) < share * 2 ** 32;
}

/** Undefined where the keys are none of the version's. */
function askedBy(version: FeatureSetVersion, item: LoggedPrediction, reads: JsonObject): Asked | undefined {
  const at = typeof reads['at'] === 'string' ? parseTimestamp(reads['at']) : undefined;
  if (at === undefined || item.entity === null) return undefined;
  const types = Object.fromEntries(keyColumns(version.structure).map(({ name, type }) => [name, type as KeyType]));
  try {
    return { key: coerceKey(version.set, types, item.entity), at };
  } catch (error) {
    if (error instanceof MlopsError) return undefined;
    throw error;
  }
}

/** The set as the model's features name it: it may have been renamed since. */
function nameIn({ item, features }: ReadOfSet, set: string): string {
  const [feature = ''] = features;
  if (item.features[`${set}.${feature}`] !== undefined) return set;
  const named = Object.keys(item.features).find((name) => name.endsWith(`.${feature}`));
  return named?.slice(0, named.indexOf('.')) ?? set;
}

function example(
  item: LoggedPrediction,
  feature: string,
  version: number,
  served: unknown,
  offline: unknown,
): DifferenceExample {
  const { id, endpoint, at, entity } = item;
  return { prediction: id, endpoint, at, feature, version, entity, served: served ?? null, offline };
}

function listOf(value: unknown): readonly string[] {
  return Array.isArray(value) ? value.filter((item): item is string => typeof item === 'string') : [];
}
