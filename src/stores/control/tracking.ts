/**
 * Experiments, their runs and the models that these log. One scope. Times are milliseconds since 1970, as clients give them.
 * EX201 where something is not there, EX203 where it is deleted and would have to be active.
 */
import type { TrackedModels } from './tracked-models.ts';
import type { LoggedMetric, MetricPoint, Texts } from './tracked-values.ts';
import type { RunSearch, TrackingConditions } from './tracking-search.ts';

export type Lifecycle = 'active' | 'deleted';
export type View = Lifecycle | 'all';

export const RUN_STATUSES = ['RUNNING', 'SCHEDULED', 'FINISHED', 'FAILED', 'KILLED'] as const;
export type TrackedStatus = (typeof RUN_STATUSES)[number];

export interface Experiment {
  /** A number as text; the experiment `Default`, which is always there, has 0. */
  readonly id: string;
  readonly name: string;
  readonly artifactLocation: string;
  readonly lifecycle: Lifecycle;
  readonly tags: Texts;
  readonly createdMs: number;
  readonly updatedMs: number;
}

export interface DatasetInput {
  readonly name: string;
  readonly digest: string;
  readonly sourceType: string;
  readonly source: string;
  readonly schema: string | null;
  readonly profile: string | null;
  readonly tags: Texts;
}

export interface ModelOutput {
  readonly modelId: string;
  readonly step: number;
}

export interface RunInfo {
  /** 32 hexadecimal digits. */
  readonly id: string;
  readonly experimentId: string;
  readonly name: string;
  readonly user: string;
  readonly status: TrackedStatus;
  readonly lifecycle: Lifecycle;
  readonly startedMs: number;
  readonly endedMs: number | null;
  readonly artifactUri: string;
}

export interface TrackedRun extends RunInfo {
  readonly params: Texts;
  readonly tags: Texts;
  /** The last of each: by step, then time, then value. */
  readonly metrics: readonly MetricPoint[];
  readonly datasets: readonly DatasetInput[];
  readonly modelInputs: readonly string[];
  readonly modelOutputs: readonly ModelOutput[];
}

export interface NewRun {
  /** Default: a new one. A run that has the id already is answered as it is. */
  readonly id?: string;
  readonly experimentId: string;
  readonly name: string;
  readonly user: string;
  readonly startedMs: number;
  readonly tags: Texts;
}

export interface LoggedBatch {
  readonly metrics?: readonly LoggedMetric[];
  readonly params?: Texts;
  /** `mlflow.runName` names the run. */
  readonly tags?: Texts;
}

export interface TrackedFile {
  readonly path: string;
  readonly digest: string;
  readonly bytes: number;
}

export interface TrackingStore extends TrackedModels {
  /** EX202 where the name is taken, also by one that is deleted. `artifactLocation` is made from the id where it is not given. */
  createExperiment(
    experiment: { readonly name: string; readonly artifactLocation: string | null; readonly tags: Texts },
    nowMs: number,
  ): Promise<Experiment>;
  experiment(id: string): Promise<Experiment | undefined>;
  experimentNamed(name: string): Promise<Experiment | undefined>;
  /** In the order asked for, then the newest first. */
  searchExperiments(search: {
    readonly view: View;
    readonly conditions: TrackingConditions['experiment'];
    readonly order: TrackingConditions['experimentOrder'];
    readonly offset: number;
    readonly limit: number;
  }): Promise<readonly Experiment[]>;
  renameExperiment(id: string, name: string, nowMs: number): Promise<void>;
  /** With its runs. */
  setExperimentLifecycle(id: string, to: Lifecycle, nowMs: number): Promise<void>;
  /** Null takes the tag away. */
  setExperimentTag(id: string, key: string, value: string | null): Promise<void>;

  createRun(run: NewRun): Promise<TrackedRun>;
  run(id: string): Promise<TrackedRun | undefined>;
  updateRun(
    id: string,
    change: {
      readonly status?: TrackedStatus | undefined;
      readonly endedMs?: number | null | undefined;
      readonly name?: string | undefined;
    },
  ): Promise<RunInfo>;
  setRunLifecycle(id: string, to: Lifecycle): Promise<void>;
  /**
   * All of it or nothing. A value that was logged before is kept once. EX204 where a parameter has another value already, unless
   * `overwrite`.
   */
  logBatch(id: string, batch: LoggedBatch, options?: { readonly overwrite?: boolean }): Promise<void>;
  deleteRunTag(id: string, key: string): Promise<void>;
  logDatasets(id: string, datasets: readonly DatasetInput[]): Promise<void>;
  logModels(id: string, way: 'input' | 'output', models: readonly ModelOutput[]): Promise<void>;
  searchRuns(search: RunSearch): Promise<readonly TrackedRun[]>;
  /** How many runs the experiments have, of each that has some. */
  countRuns(experimentIds: readonly string[]): Promise<ReadonlyMap<string, number>>;
  /** In the order of time, step and value. */
  metricHistory(
    id: string,
    key: string,
    page: { readonly offset: number; readonly limit: number | null },
  ): Promise<readonly MetricPoint[]>;
  /** At most `limit` of each run, evenly over what it logged, the first and the last with them, in the order of steps. */
  metricSamples(
    ids: readonly string[],
    key: string,
    options: { readonly limit: number; readonly steps: readonly [number, number] | null },
  ): Promise<readonly (MetricPoint & { readonly runId: string })[]>;
  datasetsOf(
    experimentIds: readonly string[],
    limit: number,
  ): Promise<
    readonly {
      readonly experimentId: string;
      readonly name: string;
      readonly digest: string;
      readonly context: string | null;
    }[]
  >;

  putFile(file: TrackedFile): Promise<void>;
  file(path: string): Promise<TrackedFile | undefined>;
  /** All below a folder, in the order of their paths. */
  filesBelow(folder: string): Promise<readonly TrackedFile[]>;
  /** What lies in a folder itself: files, and folders without a size. */
  listFolder(folder: string): Promise<readonly { readonly name: string; readonly bytes: number | null }[]>;
  /** The file, or all below the folder. Their content stays in the artifact store. */
  forgetFiles(path: string): Promise<void>;
}
