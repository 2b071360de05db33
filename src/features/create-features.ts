/** The feature store: everything that the other services, the HTTP interface and the command line ask of it. */
import type { Clock } from '../lib/clock.ts';
import { durationMs } from '../lib/units.ts';
import type { CanonicalEntity, CanonicalFeatureSet, TaskOf } from '../spec/canonical-specs.ts';
import { DEFAULT_KEEP_SNAPSHOTS } from '../spec/environment.ts';
import type { ArtifactStore } from '../stores/artifacts.ts';
import type { Catalog } from '../stores/control/catalog.ts';
import type { DatasetStatistics, FeatureCheck, FeatureQuality } from '../stores/control/feature-quality.ts';
import type { FeatureState } from '../stores/control/feature-state.ts';
import type { UnneededSnapshot } from '../stores/control/snapshot-lives.ts';
import type { OfflineStore } from '../stores/offline.ts';
import type { OnlineStore } from '../stores/online.ts';
import type { AnswerLog } from './answer-log.ts';
import { countReads } from './count-reads.ts';
import { datasetStatistics, recordDatasetStatistics } from './dataset-statistics.ts';
import { type FeatureCall, featureSetSpec } from './definitions.ts';
import { describeFeatureSet, type FeatureSetDescription, listFeatureSets } from './describe.ts';
import { readsOfTraining, type TrainingDataset, trainingDataset } from './historical.ts';
import { type HistoryFile, type HistoryRequest, history } from './history.ts';
import { createSources, type SourceSnapshot } from './ingest.ts';
import { insights, type SetInsight } from './insight.ts';
import { type MaterializationReport, type MaterializeSetOptions, materializeSet } from './materialize-set.ts';
import { createFeatureReader, type FeatureReader } from './online-reader.ts';
import { type PushReport, type PushTarget, push } from './push.ts';
import { type PushFileCall, type PushFileReport, type PushFileRequest, pushFile } from './push-file.ts';
import type { FeatureUpdate } from './push-target.ts';
import { type FlatRow, type FlatRowOptions, flatRows } from './pushed-rows.ts';
import { createQuarantine, type Quarantine } from './quarantine.ts';
import { type QueryRequest, type QueryResult, readsOfQuery, runQuery } from './query-results.ts';
import { type FirstRows, queryRows, type RowsRequest } from './query-rows.ts';
import { type RebuiltTrainingSet, rebuild } from './rebuild.ts';
import { type AnswerRows, type ScoredRows, type ScoringRequest, scoreRows } from './scoring.ts';
import { type SetStatistics, type StatisticsRequest, setStatistics } from './statistics.ts';
import { sweepSnapshots } from './sweep-snapshots.ts';
import { describeTrainingSet, type TrainingSetDescription } from './training-recipe.ts';
import { createUsage } from './usage.ts';
import { type ValidationReport, validate } from './validate.ts';
import { createVersionCache } from './version-cache.ts';
import { folderOf, onlineTable, registerFeatureSet } from './versions.ts';

export interface FeaturesOptions {
  readonly catalog: Catalog;
  readonly offline: OfflineStore;
  readonly online: OnlineStore;
  readonly featureState: FeatureState;
  readonly quality: FeatureQuality;
  readonly artifacts: ArtifactStore;
  /** Where predictions of runs are kept. Default: with the artifacts. */
  readonly runFiles?: ArtifactStore;
  /** Keeps some of the answers to reads. Default: none. It is closed with the rest. */
  readonly answers?: AnswerLog | undefined;
  /** Reads are as of this clock. */
  readonly clock: Clock;
  /** How long a snapshot of a source stays once nothing needs it. Default 30 days. */
  readonly keepSnapshotsMs?: number;
  /** Rows that are written at once when materializing. Default 100,000. */
  readonly chunkRows?: number;
  /** How old the knowledge of serving versions may be when reading. Default 1000. */
  readonly versionsMaxAgeMs?: number;
  /** What goes wrong with counting reads beside the work in hand; it is tried again. */
  readonly onError?: (error: unknown) => void;
}

export interface Features {
  readonly reader: FeatureReader;
  /** How many answers were kept, and how many were dropped because the control store did not take them in time. */
  readonly answers: Pick<AnswerLog, 'status'> | undefined;
  ingest(source: string, call: FeatureCall): Promise<SourceSnapshot>;
  validate(task: Pick<TaskOf<'data_validation'>, 'featureSets'>, call: FeatureCall): Promise<ValidationReport>;
  materialize(featureSet: string, call: FeatureCall, options?: MaterializeSetOptions): Promise<MaterializationReport>;
  /** Keeps the result of a query over sources; `materialize` takes it. */
  query(request: QueryRequest, call: FeatureCall): Promise<QueryResult>;
  /** The first rows of a query over sources, in its order. Nothing is kept. */
  rows(request: RowsRequest, call: FeatureCall): Promise<FirstRows>;
  /** Rows that a model answers, and its answers beside them. FS205 where a row cannot be asked for. */
  score(request: ScoringRequest, answer: AnswerRows, call: FeatureCall): Promise<ScoredRows>;
  trainingDataset(
    task: Pick<TaskOf<'training_dataset'>, 'features' | 'spine' | 'split'>,
    call: FeatureCall,
  ): Promise<TrainingDataset>;
  /** SHA-256 over all that the task would read now: the content of snapshots and of rows. The same gives the same result. */
  readsOf(task: TaskOf<'sql_query' | 'training_dataset'>, call: FeatureCall): Promise<string>;
  /** The newest first. */
  trainingSets(limit: number): Promise<readonly TrainingSetDescription[]>;
  /** A recorded training set made again and compared. FS222 where that cannot be. */
  rebuildTrainingSet(
    digest: string,
    options: { readonly restore: boolean },
    call: FeatureCall,
  ): Promise<RebuiltTrainingSet>;
  /** Snapshots of sources that nothing has needed for `keepMs`: they are deleted, unless it is only a look. */
  sweepSnapshots(
    options: { readonly isLook?: boolean; readonly keepMs?: number | undefined },
    call: FeatureCall,
  ): Promise<readonly UnneededSnapshot[]>;
  /** Features as they were at each row of a spine. FS205 where the spine cannot be used. */
  history(request: HistoryRequest, call: FeatureCall): Promise<HistoryFile>;
  /** All or nothing. `to`: default online and offline. Answers how many were newer than what was served. */
  push(featureSet: string, updates: readonly FeatureUpdate[], to?: PushTarget): Promise<PushReport>;
  /** The same, of rows with a column for each key, feature and time. */
  pushRows(
    featureSet: string,
    rows: readonly FlatRow[],
    options?: FlatRowOptions & { readonly to?: PushTarget | undefined },
  ): Promise<PushReport>;
  /** The same, of a file, in batches that are each all or nothing. FS209 where it cannot be read. */
  pushFile(request: PushFileRequest, call: PushFileCall): Promise<PushFileReport>;
  /** Of a set: as recorded, or of a window of event times, now. */
  statistics(set: string, request: StatisticsRequest, call: FeatureCall): Promise<readonly SetStatistics[]>;
  /** Of a training set, by its digest. */
  datasetStatistics(digest: string): Promise<DatasetStatistics>;
  /** Quality, freshness, lineage and readers, of every set or of one. */
  insights(set?: string): Promise<readonly SetInsight[]>;
  /** What checks of a set's expectations found, the newest first. */
  checks(set: string, limit: number): Promise<readonly FeatureCheck[]>;
  readonly quarantine: Quarantine;
  list(): Promise<readonly FeatureSetDescription[]>;
  describe(featureSet: string): Promise<FeatureSetDescription>;
  /** What an apply does to the stores. Safe to call twice. */
  registerFeatureSet(spec: CanonicalFeatureSet, entity: CanonicalEntity): Promise<{ readonly version: number }>;
  dropFeatureSet(name: string, applyId?: string): Promise<void>;
  /** Writes what was counted and kept, and is not written yet. */
  close(): Promise<void>;
}

const DEFAULT_CHUNK_ROWS = 100_000;
const DEFAULT_VERSIONS_MAX_AGE_MS = 1_000;

export function createFeatures(options: FeaturesOptions): Features {
  const { catalog, offline, online, featureState, quality, artifacts, clock } = options;
  const sources = createSources({ catalog, offline, featureState });
  const versions = createVersionCache(
    featureState,
    () => clock.now().getTime(),
    options.versionsMaxAgeMs ?? DEFAULT_VERSIONS_MAX_AGE_MS,
  );
  const usage = createUsage({
    quality,
    nowMs: () => clock.now().getTime(),
    ...(options.onError && { onError: options.onError }),
  });
  const quarantine = createQuarantine({ catalog, featureState, quality, online });
  const chunkRows = options.chunkRows ?? DEFAULT_CHUNK_ROWS;
  const pushParts = { catalog, online, featureState, quality, clock };
  const keepSnapshotsMs = options.keepSnapshotsMs ?? durationMs(DEFAULT_KEEP_SNAPSHOTS);
  const pushRows: Features['pushRows'] = (set, rows, { to, ...flat } = {}) =>
    push(pushParts, set, rows, { ...(to !== undefined && { to }), read: flatRows(set, flat) });
  return {
    answers: options.answers,
    reader: createFeatureReader({ catalog, online, clock, versions, usage, answers: options.answers }),
    ingest: (source, call) => sources.ingest(source, call),
    validate: (task, call) => validate({ catalog, offline, sources }, task.featureSets, call),
    materialize: async (set, call, materializing) => {
      const parts = { catalog, offline, online, featureState, quality, sources, chunkRows };
      // Some of what serves now may have changed, also where it failed.
      return materializeSet(parts, set, call, materializing).finally(() => versions.forget());
    },
    query: (request, call) => runQuery({ catalog, offline, sources }, request, call),
    rows: (request, call) => queryRows({ offline, sources }, request, call),
    score: async (request, answer, call) => {
      const made = await scoreRows(
        { catalog, offline, artifacts, runFiles: options.runFiles ?? artifacts, featureState, sources },
        request,
        answer,
        call,
      );
      const reader = `prediction:${request.pipeline}`;
      await countReads({ catalog, versions, usage }, reader, made.joined, made.result.rows);
      return made;
    },
    trainingDataset: async (task, call) => {
      const made = await trainingDataset({ catalog, offline, artifacts, featureState, sources }, task, call);
      const names = made.features.map(({ feature }) => feature);
      await countReads({ catalog, versions, usage }, `training:${made.service}`, names, made.rows);
      return { ...made, statistics: await recordDatasetStatistics({ offline, artifacts, quality }, made, call) };
    },
    readsOf: (task, call) =>
      task.operator === 'sql_query'
        ? readsOfQuery({ sources }, task.query, call)
        : readsOfTraining({ catalog, offline, artifacts, featureState, sources }, task, call),
    history: async (request, call) => {
      const made = await history({ catalog, offline, featureState, sources }, request, call);
      const { reader, features } = request;
      if (reader !== undefined) await countReads({ catalog, versions, usage }, reader, features, made.rows);
      return made;
    },
    statistics: (set, request, call) => setStatistics({ catalog, offline, featureState, quality }, set, request, call),
    datasetStatistics: (digest) => datasetStatistics(quality, digest),
    insights: async (set) => {
      // Its own reads are among those that are told of.
      await usage.flush();
      return insights({ catalog, featureState, quality }, set);
    },
    checks: (set, limit) => quality.checks({ set: featureSetSpec(catalog, set).name, limit }),
    quarantine,
    trainingSets: async (limit) => (await featureState.trainingSets(limit)).map(describeTrainingSet),
    sweepSnapshots: ({ isLook = false, keepMs = keepSnapshotsMs }, call) =>
      sweepSnapshots({ catalog, featureState, offline }, { keepMs, isLook }, call),
    rebuildTrainingSet: (digest, restoring, call) =>
      rebuild({ featureState, offline, artifacts }, digest, restoring, call),
    push: (set, updates, to) =>
      push(pushParts, set, updates, { ...(to !== undefined && { to }), read: () => (update) => update }),
    pushRows,
    pushFile: (request, call) => pushFile({ offline, pushRows }, request, call),
    list: () => listFeatureSets(catalog, featureState),
    describe: (set) => describeFeatureSet(catalog, featureState, set),
    registerFeatureSet: async (spec, entity) => {
      const registered = await registerFeatureSet(featureState, spec, entity);
      versions.forget();
      return registered;
    },
    dropFeatureSet: async (name, applyId) => {
      // Nothing is readable from here on; what is left of files and records is removed after.
      const dropped = await featureState.drop(name, applyId);
      versions.forget();
      for (const version of dropped) {
        await online.drop(onlineTable(version));
        await offline.sweep(folderOf(version), []);
      }
    },
    close: async () => {
      await options.answers?.close();
      await usage.close();
    },
  };
}
