/**
 * Rows that a model is to answer, each with the features that the model reads: from the row itself where it has a column of that name, else
 * joined point in time, with the versions of the feature sets that are asked for.
 */
import { MlopsError } from '../lib/error.ts';
import type { Column } from '../spec/column.ts';
import type { QueryText } from '../spec/query-text.ts';
import type { Dtype } from '../spec/schema-types.ts';
import type { ArtifactStore } from '../stores/artifacts.ts';
import type { Catalog } from '../stores/control/catalog.ts';
import type { OfflineStore } from '../stores/offline.ts';
import type { FeatureCall } from './definitions.ts';
import type { TrainingDataset } from './historical.ts';
import { digests, locations, type Sources } from './ingest.ts';
import { type JoinParts, joinOf, outputsOf, type WantedFeatures, wantedFeatures } from './point-in-time.ts';
import type { QueryResult } from './query-results.ts';
import { formatTimestamp } from './time.ts';
import { wrappedQuery } from './wrap-query.ts';

/** A recorded training set; a query, or a source, over snapshots; the result of a query before. */
export type RowsToScore =
  | { readonly dataset: Pick<TrainingDataset, 'artifact' | 'features' | 'featureSetVersions' | 'sources'> }
  | { readonly query: QueryText }
  | { readonly source: string }
  | { readonly result: Pick<QueryResult, 'location' | 'sources'> };

export interface AskedRows {
  readonly rows: RowsToScore;
  /** What the model reads, in its order: `set.feature`, and how that is read: `set@2.feature`. */
  readonly features: readonly string[];
  readonly reads: readonly string[];
  /** Microseconds since 1970: the event time of rows without one, and when they were predicted. */
  readonly instant: bigint;
  /** Whose answers are wanted. */
  readonly version: { readonly model: string; readonly version: number };
}

export interface ScoringParts extends JoinParts {
  readonly offline: OfflineStore;
  readonly sources: Sources;
  readonly artifacts: ArtifactStore;
  readonly runFiles: ArtifactStore;
}

export interface ReadRows {
  /** A Parquet file on this machine. */
  readonly path: string;
  readonly isOurs: boolean;
  /** A column each, in the order of the model. */
  readonly columns: readonly { readonly name: string; readonly dtype: Dtype }[];
  /** Columns that the result does not have. */
  readonly without: readonly string[];
  readonly featureSetVersions: Readonly<Record<string, number>>;
  readonly sources: Readonly<Record<string, string>>;
  /** What was read of feature sets now, as it was asked for. */
  readonly joined: readonly string[];
}

const SPLIT = '__split';

export async function rowsToScore(parts: ScoringParts, request: AskedRows, call: FeatureCall): Promise<ReadRows> {
  const { rows } = request;
  if ('dataset' in rows) {
    const held = columnsOfDataset(rows.dataset, request.features);
    if (held !== undefined)
      return {
        path: await parts.artifacts.localPath(rows.dataset.artifact),
        isOurs: false,
        columns: held,
        without: [SPLIT, ...rows.dataset.features.map(({ column }) => column)],
        featureSetVersions: rows.dataset.featureSetVersions,
        sources: rows.dataset.sources,
        joined: [],
      };
    const known = rows.dataset.features.map(({ feature }) => feature);
    const lacking = request.features.filter((feature) => !known.includes(feature));
    throw new MlopsError('FS205', {
      detail: `The training set has no ${lacking.join(' and ')}, which version ${request.version.version} of model.${request.version.model} reads.`,
      hint: 'ask with a query that gives the entity keys: the features are joined then',
    });
  }
  return withQuery(parts, rows, call, (asked) => joined(parts, request, asked, call));
}

interface AskedQuery {
  readonly query: QueryText;
  readonly inputs: Readonly<Record<string, string>>;
  readonly sources: Readonly<Record<string, string>>;
}

async function joined(
  parts: ScoringParts,
  request: AskedRows,
  { query, inputs, sources }: AskedQuery,
  call: FeatureCall,
): Promise<ReadRows> {
  const spine = await parts.offline.describeQuery(query, inputs);
  const own = request.features.map((feature) => columnOf(feature, request.features, spine));
  const wanted = await wantedFeatures(
    parts,
    request.reads.filter((_, at) => own[at] === undefined),
  );
  const timed = await withTime(query, spine, wanted.features.length === 0 ? undefined : wanted, request.instant);
  const joining =
    wanted.features.length === 0
      ? { sets: [], columns: new Map<string, string>(), time: timed.time }
      : await joinOf(parts, wanted, timed.columns);
  const made = await parts.offline.join(
    {
      spine: { query: timed.query, inputs, time: joining.time },
      sets: joining.sets,
      columns: [...joining.columns.values()],
      split: null,
    },
    call.signal,
  );
  const outputs = outputsOf(wanted, joining.columns);
  const columns = request.reads.map((name, at) => {
    const column = own[at];
    if (column !== undefined) return { name: column, dtype: dtypeOf(parts.catalog, request.features[at] ?? '') };
    const found = outputs.find((output) => output.feature === name);
    return { name: found?.column ?? name, dtype: (found?.dtype ?? 'float64') as Dtype };
  });
  return {
    path: made.path,
    isOurs: true,
    columns,
    without: [...joining.columns.values(), ...(timed.added === undefined ? [] : timed.added)],
    joined: wanted.features.map(({ name }) => name),
    featureSetVersions: Object.fromEntries([...wanted.versions.values()].map(({ set, version }) => [set, version])),
    sources: {
      ...Object.assign({}, ...[...wanted.versions.values()].map((version) => version.inputs ?? {})),
      ...sources,
    } as Record<string, string>,
  };
}

function columnsOfDataset(
  dataset: Pick<TrainingDataset, 'features'>,
  features: readonly string[],
): ReadRows['columns'] | undefined {
  const found = features.map((feature) => dataset.features.find((one) => one.feature === feature));
  if (found.some((one) => one === undefined)) return undefined;
  return found.flatMap((one) => (one === undefined ? [] : [{ name: one.column, dtype: one.dtype as Dtype }]));
}

/** The query of the rows; the snapshots that it reads stay until `body` has ended. */
async function withQuery<T>(
  { sources }: ScoringParts,
  rows: Exclude<RowsToScore, { dataset: unknown }>,
  call: FeatureCall,
  body: (asked: AskedQuery) => Promise<T>,
): Promise<T> {
  if ('result' in rows)
    return body({
      query: both('select * from query_result'),
      inputs: { query_result: rows.result.location },
      sources: rows.result.sources,
    });
  const query = 'source' in rows ? both(`select * from "${rows.source}"`) : rows.query;
  const names = 'source' in rows ? [rows.source] : await sources.readBy(query);
  return sources.reading('batch prediction', names, call, (snapshots) =>
    body({ query, inputs: locations(snapshots), sources: digests(snapshots) }),
  );
}

/** Says the same to every store. */
function both(sql: string): QueryText {
  return { duckdb: sql, postgres: sql };
}

/** The row's own column of a feature: `set__feature` (or `set.feature`), or its name alone where the model reads no other of that name. */
function columnOf(feature: string, all: readonly string[], spine: readonly Column[]): string | undefined {
  const dot = feature.indexOf('.');
  const [set, name] = [feature.slice(0, dot), feature.slice(dot + 1)];
  const alone = all.filter((other) => other.slice(other.indexOf('.') + 1) === name).length === 1;
  const names = [feature, `${set}__${name}`, ...(alone ? [name] : [])].map((one) => one.toLowerCase());
  return spine.find((column) => names.includes(column.name.toLowerCase()))?.name;
}

function dtypeOf(catalog: Catalog, feature: string): Dtype {
  const dot = feature.indexOf('.');
  const declared = catalog.get('feature_set', feature.slice(0, dot))?.spec.features[feature.slice(dot + 1)]?.dtype;
  return (declared ?? 'float64') as Dtype;
}

/** Rows without an event time are of the instant. `added`: columns that only the join needs. */
async function withTime(
  query: QueryText,
  spine: readonly Column[],
  wanted: WantedFeatures | undefined,
  instant: bigint,
): Promise<{
  readonly query: QueryText;
  readonly columns: readonly Column[];
  readonly time: string;
  readonly added?: readonly string[];
}> {
  const has = (name: string): boolean => spine.some((column) => column.name.toLowerCase() === name.toLowerCase());
  const own = new Set([...(wanted?.versions.values() ?? [])].map(({ structure }) => structure.eventTime));
  const [only] = own;
  if (wanted !== undefined && ((own.size === 1 && only !== undefined && has(only)) || has('event_time')))
    return { query, columns: spine, time: '' };
  const time = wanted === undefined ? '__time' : own.size === 1 && only !== undefined ? only : 'event_time';
  const at = `timestamp '${formatTimestamp(instant).slice(0, -1)}'`;
  return {
    query: await wrappedQuery(query, (inner) => `select q.*, ${at} as "${time.replaceAll('"', '""')}" from ${inner} q`),
    columns: [...spine, { name: time, type: 'TIMESTAMP' }],
    time,
    ...(wanted === undefined && { added: [time] }),
  };
}
