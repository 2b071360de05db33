/** What searches of experiments, runs and logged models ask, parsed. What has no such value meets no condition. */

export type NumberOp = '=' | '!=' | '<' | '<=' | '>' | '>=';
/** `like` knows % and _; `ilike` does not mind the case of ASCII letters. */
export type TextOp = '=' | '!=' | 'like' | 'ilike';
export type ListOp = 'in' | 'not in';

export type NumberTest = { readonly op: NumberOp; readonly value: number };
export type TextTest =
  | { readonly op: TextOp; readonly value: string }
  | { readonly op: ListOp; readonly value: readonly string[] };
export type PresenceTest = { readonly op: 'is null' | 'is not null' };

export type RunNumber = 'start_time' | 'end_time';
export type RunText = 'run_id' | 'run_name' | 'user_id' | 'status' | 'artifact_uri';

export type RunCondition =
  | { readonly on: 'metric'; readonly key: string; readonly test: NumberTest }
  | { readonly on: 'param' | 'tag'; readonly key: string; readonly test: TextTest | PresenceTest }
  | { readonly on: 'dataset'; readonly key: 'name' | 'digest' | 'context'; readonly test: TextTest }
  | { readonly on: 'number'; readonly key: RunNumber; readonly test: NumberTest }
  | { readonly on: 'text'; readonly key: RunText; readonly test: TextTest };

/** What has no such value comes last, whichever way; a metric that is NaN before it. */
export type RunOrder = { readonly ascending: boolean } & (
  | { readonly by: 'metric' | 'param' | 'tag'; readonly key: string }
  | { readonly by: 'attribute'; readonly key: RunNumber | RunText }
);

export interface RunSearch {
  readonly experimentIds: readonly string[];
  readonly view: 'active' | 'deleted' | 'all';
  readonly conditions: readonly RunCondition[];
  /** Then the newest first, then by id. */
  readonly order: readonly RunOrder[];
  readonly offset: number;
  readonly limit: number;
}

export type ExperimentNumber = 'creation_time' | 'last_update_time';
export type ExperimentCondition =
  | { readonly on: 'tag'; readonly key: string; readonly test: TextTest | PresenceTest }
  | { readonly on: 'number'; readonly key: ExperimentNumber; readonly test: NumberTest }
  | { readonly on: 'name'; readonly test: TextTest }
  | { readonly on: 'id'; readonly op: '=' | '!=' | ListOp; readonly ids: readonly string[] };

export interface ExperimentOrder {
  readonly by: 'name' | 'experiment_id' | ExperimentNumber;
  readonly ascending: boolean;
}

export type ModelNumber = 'creation_timestamp' | 'last_updated_timestamp';
export type ModelText =
  | 'name'
  | 'model_id'
  | 'model_type'
  | 'status'
  | 'source_run_id'
  | 'experiment_id'
  | 'artifact_uri';

export type ModelCondition =
  | { readonly on: 'metric'; readonly key: string; readonly test: NumberTest }
  | { readonly on: 'param' | 'tag'; readonly key: string; readonly test: TextTest }
  | { readonly on: 'number'; readonly key: ModelNumber; readonly test: NumberTest }
  | { readonly on: 'text'; readonly key: ModelText; readonly test: TextTest };

export interface MeasuredOn {
  readonly name: string;
  /** Undefined: any. */
  readonly digest: string | undefined;
}

export type ModelOrder = { readonly ascending: boolean } & (
  | { readonly by: 'attribute'; readonly key: ModelNumber | ModelText }
  | { readonly by: 'metric'; readonly key: string; readonly on: Partial<MeasuredOn> }
);

export interface ModelSearch {
  readonly experimentIds: readonly string[];
  readonly conditions: readonly ModelCondition[];
  /** Metrics must be measured on one of these; without a condition on a metric, any must be. */
  readonly datasets: readonly MeasuredOn[];
  /** Then the newest first, then by id. */
  readonly order: readonly ModelOrder[];
  readonly offset: number;
  readonly limit: number;
}

export interface TrackingConditions {
  readonly experiment: readonly ExperimentCondition[];
  readonly experimentOrder: readonly ExperimentOrder[];
}
