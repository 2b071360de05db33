/** What an operator gets and gives. */
import type { JsonObject, JsonValue } from '../../lib/json.ts';
import type { EnvRef } from '../../lib/secret.ts';
import type { CanonicalPipeline, OperatorName, TaskOf } from '../../spec/canonical-specs.ts';
import type { RunCause, RunRecord, RunSummary } from '../../stores/control/runs.ts';
import type { ProcessResult, ProcessTask } from '../runners/process-runner.ts';
import type { CallContext, OperatorServices } from '../services.ts';

export interface OperatorContext extends CallContext {
  readonly attempt: number;
  readonly params: JsonObject;
  /** The instant of the schedule that made the run; of another run, when it was made. The same in every attempt. */
  readonly instant: Date;
  readonly pipelineSpec: CanonicalPipeline;
  /** Tasks before this one, the nearest first. */
  readonly ancestors: readonly string[];
  /** Outputs of those of them that succeeded. */
  readonly inputs: Readonly<Record<string, JsonObject>>;
  /** Of an item's task. */
  readonly item: JsonValue | undefined;
  /** The place of the item, from 0. */
  readonly index: number | null;
  readonly gitCommit: string | null;
  /** The value of a reference; a text as it is. SP110 where it is not set. Shown nowhere: logs, outputs and errors are redacted. */
  readonly resolve: (value: string | EnvRef) => string;
  readonly services: OperatorServices;
  readonly cause: RunCause;
  /** Of the project, on this machine. */
  readonly root: string;
  readonly now: Date;
  /** Whether this attempt runs because what a `Deferred` of the one before waited for is there. */
  waited(): Promise<boolean>;
  /** The run of a pipeline that succeeded last. */
  newestRun(pipeline: string): Promise<Pick<RunSummary, 'runId' | 'finishedAt'> | undefined>;
  readonly children: ChildRuns;
  /** A file in the artifact store becomes one of the task's, for the tasks after it. */
  keepArtifact(path: string, stored: { readonly digest: string; readonly bytes: number }): Promise<void>;
  /** Runs a program in a fresh directory; `use` sees what it left there before the directory is removed. */
  runProcess<T>(task: ProcessTask, use: (result: ProcessResult) => Promise<T>): Promise<T>;
}

/** Runs that a task starts. */
export interface ChildRuns {
  /** Under a key: the same key answers the same run. */
  start(request: {
    readonly pipeline: string;
    readonly params: JsonObject;
    readonly cause: RunCause;
    readonly key: string;
  }): Promise<RunRecord>;
  retry(runId: string): Promise<void>;
}

/** Answers the task's outputs. What it throws fails the task. */
export type Operator<O extends OperatorName> = (task: TaskOf<O>, context: OperatorContext) => Promise<JsonObject>;

export type Operators = { readonly [O in OperatorName]: Operator<O> };
