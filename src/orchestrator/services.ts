/**
 * What the operators need of the other services, in the orchestrator's own words; compose.ts passes it in.
 * Every call is idempotent: a task may run twice. Every call may throw MlopsError; `signal` ends it early.
 */
import type { JsonObject } from '../lib/json.ts';
import type { TaskOf } from '../spec/canonical-specs.ts';
import type { QueryText } from '../spec/query-text.ts';
import type { Flavour, GateResult, ModelSignature, Stage } from '../stores/control/registry.ts';
import type { TaskProgress } from '../stores/control/runs.ts';

export interface CallContext {
  readonly signal: AbortSignal;
  /** A line for the task's log. */
  readonly log: (line: string) => void;
  /** How far it is, told as often as one likes. */
  readonly progress?: ((progress: TaskProgress) => void) | undefined;
  readonly runId: string;
  readonly pipeline: string;
  readonly task: string;
}

/** An immutable copy of a source as it was. */
export interface SourceSnapshot {
  readonly source: string;
  /** SHA-256 of the content. */
  readonly digest: string;
  readonly rows: number;
  readonly bytes: number;
  /** False where the content equals the snapshot before. */
  readonly changed: boolean;
}

export interface ValidationReport {
  readonly checked: number;
  readonly failures: readonly {
    readonly featureSet: string;
    readonly feature: string;
    readonly expectation: string;
    readonly observed: number | string | null;
    readonly rows: number | null;
  }[];
}

export interface MaterializationReport {
  readonly featureSet: string;
  readonly version: number;
  readonly rowsRead: number;
  readonly rowsWritten: number;
  readonly onlineWritten: number;
  /** Greatest event time materialized, ISO 8601 UTC; null where the set has no rows. */
  readonly watermark: string | null;
  /** Older versions that models are still asked with; `error` says why one is not up to date. */
  readonly older: readonly {
    readonly version: number;
    readonly rowsRead: number;
    readonly rowsWritten: number;
    readonly onlineWritten: number;
    readonly watermark: string | null;
    readonly error: { readonly code: string; readonly detail: string } | null;
  }[];
  /** Versions that nothing reads any more. */
  readonly retired: readonly number[];
}

/** A recorded, immutable training set: a Parquet artifact with the spine's columns, the features and `__split` (train, test). */
export interface TrainingDataset {
  /** SHA-256 over what it was made from and what it holds. */
  readonly digest: string;
  /** SHA-256 of the Parquet file in the artifact store. */
  readonly artifact: string;
  readonly rows: number;
  readonly trainRows: number;
  readonly testRows: number;
  readonly service: string;
  /** Feature columns as `set.feature`, in the service's order, with the column that holds each in the file. */
  readonly features: readonly { readonly feature: string; readonly column: string; readonly dtype: string }[];
  readonly spineDigest: string;
  readonly featureSetVersions: Readonly<Record<string, number>>;
  /** Source name → digest of the snapshot. */
  readonly sources: Readonly<Record<string, string>>;
}

export interface TrainedModel {
  /** SHA-256 of the ONNX file in the artifact store. */
  readonly artifact: string;
  readonly framework: string;
  /** What it takes to load it with the framework; undefined where nobody said. */
  readonly flavour?: Flavour;
  readonly trainer: string;
  readonly hyperparameters: JsonObject;
  readonly metrics: Readonly<Record<string, number>>;
  readonly signature: ModelSignature;
  readonly dataset: TrainingDataset;
  /** Further files that the trainer left, by path, with their digests. */
  readonly extraArtifacts: readonly { readonly path: string; readonly digest: string; readonly bytes: number }[];
}

export interface RegisteredVersion {
  readonly id: string;
  readonly model: string;
  readonly version: number;
}

export interface PromotedVersion extends RegisteredVersion {
  readonly stage: Stage;
  readonly gates: readonly GateResult[];
  readonly archived: number | null;
}

/** The result of a query over sources, kept as an immutable table. */
export interface QueryResult {
  /** For messages: `pipeline.PIPELINE task TASK`. */
  readonly of: string;
  /** SHA-256 of its rows. */
  readonly digest: string;
  readonly location: string;
  readonly rows: number;
  readonly bytes: number;
  readonly columns: readonly { readonly name: string; readonly type: string }[];
  /** Source name → digest of the snapshot. */
  readonly sources: Readonly<Record<string, string>>;
}

export interface BatchPredictionRequest {
  readonly model: string;
  /** Null: the one at the stage. */
  readonly version: number | null;
  readonly stage: Stage;
  readonly rows:
    | { readonly dataset: TrainingDataset }
    | { readonly query: QueryText }
    | { readonly source: string }
    | { readonly result: QueryResult };
  readonly missing: 'leave_empty' | 'fail';
  readonly batchRows: number;
  /** Below `root`. */
  readonly file: string | null;
  readonly root: string;
  /** When the rows are predicted, and the event time of those without one. */
  readonly instant: Date;
}

export interface BatchPrediction {
  readonly model: string;
  readonly version: number;
  readonly versionId: string;
  /** Rows without a prediction: a feature is missing. */
  readonly unanswered: number;
  readonly result: QueryResult;
  /** The same as a Parquet file. */
  readonly artifact: { readonly digest: string; readonly bytes: number };
  readonly file: string | null;
  readonly featureSetVersions: Readonly<Record<string, number>>;
}

export interface DeploymentRequest {
  readonly endpoint: string;
  readonly variant: string;
  readonly model: string;
  /** Null: the one at the stage. */
  readonly version: number | null;
  /** Null: the stage that the variant follows. */
  readonly stage: Stage | null;
  /** Daemons that must serve it at least. */
  readonly daemons: number;
  readonly withinMs: number;
}

export interface Deployed {
  readonly endpoint: string;
  readonly variant: string;
  readonly model: string;
  readonly version: number;
  readonly versionId: string;
  readonly stage: Stage;
  readonly moved: boolean;
  readonly gates: readonly GateResult[];
  readonly archived: number | null;
  readonly daemons: number;
}

export interface OperatorServices {
  ingest(source: string, context: CallContext): Promise<SourceSnapshot>;
  validate(task: TaskOf<'data_validation'>, context: CallContext): Promise<ValidationReport>;
  query(task: TaskOf<'sql_query'>, context: CallContext): Promise<QueryResult>;
  /** The first rows of a query over sources, in its order, and the snapshots that were read. Nothing is kept. PL207. */
  rows(
    request: { readonly query: QueryText; readonly limit: number },
    context: CallContext,
  ): Promise<{ readonly rows: readonly JsonObject[]; readonly sources: Readonly<Record<string, string>> }>;
  /**
   * `results`: of the queries before, the nearest first. The first that carries the set's keys and features is written into it. `named`: it is
   * for this set, and one that does not carry it is an error.
   */
  materialize(
    featureSet: string,
    context: CallContext,
    results?: { readonly found: readonly QueryResult[]; readonly instant: Date; readonly named?: boolean },
  ): Promise<MaterializationReport>;
  trainingDataset(task: TaskOf<'training_dataset'>, context: CallContext): Promise<TrainingDataset>;
  /** SHA-256 over all that the task would read now: the content of snapshots and of rows. The same gives the same result. */
  readsOf(task: TaskOf<'sql_query' | 'training_dataset'>, context: CallContext): Promise<string>;
  /** Whether the result of a query is still there, whole. */
  tableIsThere(location: string): Promise<boolean>;
  /** A built-in trainer. */
  train(
    request: {
      readonly trainer: NonNullable<TaskOf<'model_training'>['trainer']>;
      readonly dataset: TrainingDataset;
      readonly label: string;
      readonly params: JsonObject;
    },
    context: CallContext,
  ): Promise<TrainedModel>;
  /** An ONNX file that a program wrote: checked by loading it, its signature read from its tensors. */
  adoptTrained(
    request: {
      readonly onnxPath: string;
      readonly dataset: TrainingDataset;
      readonly label: string;
      readonly metrics: Readonly<Record<string, number>>;
      readonly hyperparameters: JsonObject;
      readonly extraFiles: readonly { readonly path: string; readonly file: string }[];
    },
    context: CallContext,
  ): Promise<TrainedModel>;
  evaluate(
    request: { readonly model: TrainedModel; readonly metrics: readonly string[] | null },
    context: CallContext,
  ): Promise<{ readonly metrics: Readonly<Record<string, number>>; readonly rows: number }>;
  register(
    request: {
      readonly model: string;
      readonly trained: TrainedModel;
      readonly metrics: Readonly<Record<string, number>>;
      readonly codeDigest: string | null;
      readonly gitCommit: string | null;
    },
    context: CallContext,
  ): Promise<RegisteredVersion>;
  promote(
    request: { readonly versionId: string; readonly to: Stage; readonly reason: string },
    context: CallContext,
  ): Promise<PromotedVersion>;
  predictBatch(request: BatchPredictionRequest, context: CallContext): Promise<BatchPrediction>;
  /** Resolves once it is served. EP205 where that does not come true in time, or something else is served. */
  deploy(request: DeploymentRequest, context: CallContext): Promise<Deployed>;
  /** Written down under the key, to be sent by a daemon; the same key again changes nothing. NT101 for an unknown channel. */
  notify(
    request: {
      readonly channel: string;
      readonly title: string;
      readonly text: string;
      readonly severity: 'info' | 'success' | 'warning' | 'error';
      readonly key: string;
    },
    context: CallContext,
  ): Promise<void>;
  /** Bytes of an artifact as a local file, for inputs of processes. */
  artifactFile(digest: string): Promise<string>;
  /** The content of an artifact is stored under its SHA-256. */
  storeFile(path: string): Promise<{ readonly digest: string; readonly bytes: number }>;
}
