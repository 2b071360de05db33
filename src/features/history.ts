/** Features as they were at each row of a spine, as a file in the format asked for. Nothing is recorded; a training set is. */
import { access, constants, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { basename, dirname, join } from 'node:path';
import { MlopsError } from '../lib/error.ts';
import type { CanonicalSource } from '../spec/canonical-specs.ts';
import type { Column } from '../spec/column.ts';
import type { OfflineStore } from '../stores/offline.ts';
import type { AskingRows } from '../stores/offline-join.ts';
import { type FeatureCall, keyColumns } from './definitions.ts';
import type { TableFormat } from './file-format.ts';
import { locations, type Sources } from './ingest.ts';
import { type JoinParts, joinOf, outputsOf, type WantedFeatures, wantedFeatures } from './point-in-time.ts';

/** Who asks as of when: rows, a file (CSV, Parquet, JSON lines), a query over sources, or every row of the one set asked for. */
export type HistorySpine =
  | { readonly rows: readonly Readonly<Record<string, unknown>>[] }
  | { readonly file: string }
  | { readonly query: string }
  | { readonly start: bigint | null; readonly end: bigint | null };

export interface HistoryRequest {
  /** `set.feature` or `set@2.feature`. */
  readonly features: readonly string[];
  readonly spine: HistorySpine;
  readonly format: TableFormat;
  /** Under whose name it is counted. */
  readonly reader?: string;
}

/** A file on this machine, the caller's to move or delete: the spine's columns, then each feature. */
export interface HistoryFile {
  readonly path: string;
  readonly rows: number;
  readonly features: readonly { readonly feature: string; readonly column: string; readonly dtype: string }[];
}

export interface HistoryParts extends JoinParts {
  readonly offline: OfflineStore;
  readonly sources: Sources;
}

/** The name of a spine's file where a source would have one. */
const SPINE = 'spine';

export async function history(parts: HistoryParts, request: HistoryRequest, call: FeatureCall): Promise<HistoryFile> {
  const wanted = await wantedFeatures(parts, request.features);
  const { spine } = request;
  if (!('query' in spine)) return answered(parts, request, wanted, {}, call);
  const reads = await parts.sources.readBy(spine.query);
  return parts.sources.reading('features history', reads, call, (snapshots) =>
    answered(parts, request, wanted, locations(snapshots), call),
  );
}

/** `inputs`: of a spine that is a query. */
async function answered(
  parts: HistoryParts,
  request: HistoryRequest,
  wanted: WantedFeatures,
  inputs: Readonly<Record<string, string>>,
  call: FeatureCall,
): Promise<HistoryFile> {
  const { offline } = parts;
  const scratch = await mkdtemp(join(tmpdir(), 'mlops-spine-'));
  try {
    const { spine, columns: spineColumns } = await spineOf(parts, request.spine, wanted, inputs, scratch);
    const { sets, columns, time } = await joinOf(parts, wanted, spineColumns);
    const joined = await offline.join(
      { spine: { ...spine, time }, sets, columns: [...columns.values()], split: null },
      call.signal,
    );
    const features = outputsOf(wanted, columns);
    if (request.format === 'parquet') return { path: joined.path, rows: joined.rows, features };
    try {
      const json = features.flatMap(({ column, dtype }) => (dtype === 'json' ? [column] : []));
      const path = await offline.convert(joined.path, request.format, json, call.signal);
      return { path, rows: joined.rows, features };
    } finally {
      await rm(joined.path, { force: true });
    }
  } finally {
    await rm(scratch, { recursive: true, force: true });
  }
}

/** The spine as the offline store takes it, but for its time, and its columns. */
async function spineOf(
  parts: HistoryParts,
  spine: HistorySpine,
  wanted: WantedFeatures,
  inputs: Readonly<Record<string, string>>,
  scratch: string,
): Promise<{ readonly spine: AskingRows; readonly columns: readonly Column[] }> {
  if ('query' in spine) {
    return {
      spine: { query: spine.query, inputs },
      columns: await parts.offline.describeQuery(spine.query, inputs),
    };
  }
  if ('rows' in spine) {
    if (spine.rows.length === 0) throw new MlopsError('FS205', { detail: 'The spine has no rows.' });
    const file = join(scratch, `${SPINE}.jsonl`);
    await writeFile(file, spine.rows.map((row) => JSON.stringify(row)).join('\n'));
    return ofFile(parts.offline, file, undefined);
  }
  if ('file' in spine) return ofFile(parts.offline, spine.file, spine.file);
  const [version, second] = [...wanted.versions.values()];
  if (version === undefined || second !== undefined) {
    throw new MlopsError('FS205', {
      detail: `Rows from a start to an end are those of one feature set; these features are of ${wanted.versions.size}.`,
      hint: 'give a spine: the entity keys and the event time of each row',
      status: 422,
    });
  }
  const keys = keyColumns(version.structure);
  const recorded = await parts.featureState.parts(version.set, version.version);
  return {
    spine: { of: { keys, parts: recorded.map(({ location }) => location) }, start: spine.start, end: spine.end },
    columns: [
      ...keys.map(({ name, type }) => ({ name, type })),
      { name: version.structure.eventTime, type: 'timestamp' },
    ],
  };
}

/** `named`: the path as the user gave it, for messages. */
async function ofFile(
  offline: OfflineStore,
  path: string,
  named: string | undefined,
): Promise<{ readonly spine: AskingRows; readonly columns: readonly Column[] }> {
  await access(path, constants.R_OK).catch((cause: unknown) => {
    throw new MlopsError('FS205', { detail: `The spine's file ${named ?? path} cannot be read.`, cause });
  });
  const file: CanonicalSource = { name: SPINE, file: basename(path) };
  const root = dirname(path);
  const columns = await offline.describe(file, root, {}).catch((cause: unknown) => {
    const why = cause instanceof MlopsError ? cause.detail : String(cause);
    throw new MlopsError('FS205', { detail: `The spine cannot be read. ${why}`, cause });
  });
  return { spine: { file, root }, columns };
}
