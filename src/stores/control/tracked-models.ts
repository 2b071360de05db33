/** Models as runs log them: their files lie below `artifactUri`, and a version of the registry may come of one. */
import type { LoggedMetric, Texts } from './tracked-values.ts';
import type { ModelSearch } from './tracking-search.ts';

export const MODEL_STATUSES = ['LOGGED_MODEL_PENDING', 'LOGGED_MODEL_READY', 'LOGGED_MODEL_UPLOAD_FAILED'] as const;
export type LoggedModelStatus = (typeof MODEL_STATUSES)[number];

export interface NewLoggedModel {
  readonly experimentId: string;
  readonly name: string;
  readonly modelType: string;
  /** Empty where no run made it. */
  readonly sourceRunId: string;
  readonly params: Texts;
  readonly tags: Texts;
}

export interface LoggedModel extends NewLoggedModel {
  /** `m-` and 32 hexadecimal digits. */
  readonly id: string;
  readonly artifactUri: string;
  readonly status: LoggedModelStatus;
  readonly createdMs: number;
  readonly updatedMs: number;
  readonly metrics: readonly (LoggedMetric & { readonly runId: string })[];
}

export interface TrackedModels {
  createModel(model: NewLoggedModel, nowMs: number): Promise<LoggedModel>;
  /** `deleted`: also where it is. */
  model(id: string, options?: { readonly deleted: boolean }): Promise<LoggedModel | undefined>;
  finishModel(id: string, status: LoggedModelStatus, nowMs: number): Promise<LoggedModel>;
  deleteModel(id: string, nowMs: number): Promise<void>;
  setModelTags(id: string, tags: Texts): Promise<void>;
  deleteModelTag(id: string, key: string): Promise<void>;
  /** EX204 where one has another value already. */
  logModelParams(id: string, params: Texts): Promise<void>;
  searchModels(search: ModelSearch): Promise<readonly LoggedModel[]>;
}
