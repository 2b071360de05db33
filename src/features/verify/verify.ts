/**
 * Replays what was served, to models and to readers of online features, against what the offline store answers for that moment. Every
 * difference has a cause; page by page, so that memory holds one page and the rows of the keys that differ.
 */
import { MlopsError } from '../../lib/error.ts';
import type { JsonObject } from '../../lib/json.ts';
import type { KeyType } from '../../spec/schema-types.ts';
import type { AnswerLogStore } from '../../stores/control/answer-log.ts';
import type { Catalog } from '../../stores/control/catalog.ts';
import type { FeatureSetVersion, FeatureState } from '../../stores/control/feature-state.ts';
import type { PredictionLogStore } from '../../stores/control/prediction-log.ts';
import type { OfflineStore } from '../../stores/offline.ts';
import { type FeatureCall, keyColumns, ttlMicros } from '../definitions.ts';
import { coerceKey } from '../entity-key.ts';
import { CAUSES, type Cause, EXPLAINED } from './causes.ts';
import { createExplainer, type Difference } from './explain.ts';
import { type Asked, replay } from './replay.ts';
import { sameValue } from './same-value.ts';
import { type SERVED, type Served, type ServedSet, servedAnswers, servedPredictions } from './served.ts';

export interface VerifyRequest {
  /** Default: both. */
  readonly of?: (typeof SERVED)[number] | undefined;
  /** Only predictions of this endpoint. */
  readonly endpoint?: string | undefined;
  /** What was served from then on. */
  readonly since?: Date | undefined;
  /** The share of it that is looked at, above 0 to 1; always the same. Default 1. */
  readonly sample?: number | undefined;
}

export interface VerifyReport {
  readonly predictions: number;
  /** Kept answers to readers. */
  readonly answers: number;
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
  /** Ids in their logs: one of them is null. */
  readonly prediction: string | null;
  readonly answer: string | null;
  readonly endpoint: string | null;
  readonly reader: string | null;
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
  readonly answers: AnswerLogStore;
}

/** What was read of one set for one prediction or answer. */
interface ReadOfSet {
  readonly item: Served;
  readonly read: ServedSet;
  readonly asked: Asked;
}

export async function verify(
  parts: VerifyParts,
  { of, endpoint, since, sample = 1 }: VerifyRequest,
  call: FeatureCall,
): Promise<VerifyReport> {
  const counts = { predictions: 0, answers: 0, values: 0, equal: 0, given: 0, unrecorded: 0 };
  const found = new Map<Cause, { values: number; example: DifferenceExample }>();
  const versions = await parts.featureState.versions();
  const explainer = createExplainer(parts, call);
  const tell = (cause: Cause, example: DifferenceExample): void => {
    const known = found.get(cause);
    if (known === undefined) found.set(cause, { values: 1, example });
    else known.values += 1;
  };

  if (of !== 'answers')
    for await (const page of servedPredictions(parts.predictions, { endpoint, since })) await verifyPage(page);
  if (of !== 'predictions' && endpoint === undefined)
    for await (const page of servedAnswers(parts.answers, { since })) await verifyPage(page);

  async function verifyPage(page: readonly Served[]): Promise<void> {
    call.signal.throwIfAborted();
    const groups = new Map<FeatureSetVersion, ReadOfSet[]>();
    for (const item of page) {
      if (!isSampled(item.id, sample)) continue;
      counts[item.kind === 'prediction' ? 'predictions' : 'answers'] += 1;
      counts.given += item.given;
      if (item.sets === undefined) counts.unrecorded += 1;
      for (const read of item.sets ?? []) {
        counts.values += read.values.size;
        const name = parts.catalog.get('feature_set', read.set)?.name ?? read.set;
        const version = versions.find((one) => one.set === name && one.version === read.version);
        const asked = version?.status === 'serving' ? askedBy(version, item) : undefined;
        if (version === undefined || asked === undefined) {
          for (const [feature, served] of read.values)
            tell('version', example(item, `${read.set}.${feature}`, read.version, served, null));
          continue;
        }
        const group = groups.get(version) ?? [];
        groups.set(version, group);
        group.push({ item, read, asked });
      }
    }
    for (const [version, group] of groups) await verifyGroup(version, group);
  }

  async function verifyGroup(version: FeatureSetVersion, group: readonly ReadOfSet[]): Promise<void> {
    const spec = parts.catalog.get('feature_set', version.set)?.spec;
    const ttl = spec === undefined ? null : ttlMicros(spec);
    const features = [...new Set(group.flatMap(({ read }) => [...read.values.keys()]))];
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
    const differences: (Difference & { readonly item: Served })[] = [];
    for (const [row, { item, read, asked }] of group.entries()) {
      const { sequence, eventTime, expired } = read;
      for (const [feature, served] of read.values) {
        const offline = answers[row]?.[features.indexOf(feature)] ?? null;
        const dtype = version.structure.features[feature]?.dtype ?? 'float64';
        if (sameValue(dtype, served, offline)) counts.equal += 1;
        else differences.push({ item, asked, sequence, eventTime, expired, feature, dtype, served, offline });
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
function askedBy(version: FeatureSetVersion, { asOf, entity }: Served): Asked | undefined {
  if (asOf === undefined || entity === null) return undefined;
  const types = Object.fromEntries(keyColumns(version.structure).map(({ name, type }) => [name, type as KeyType]));
  try {
    return { key: coerceKey(version.set, types, entity), at: asOf };
  } catch (error) {
    if (error instanceof MlopsError) return undefined;
    throw error;
  }
}

function example(
  { kind, id, endpoint, reader, at, entity }: Served,
  feature: string,
  version: number,
  served: unknown,
  offline: unknown,
): DifferenceExample {
  const [prediction, answer] = kind === 'prediction' ? [id, null] : [null, id];
  const of = { prediction, answer, endpoint, reader };
  return { ...of, at, feature, version, entity, served: served ?? null, offline };
}
