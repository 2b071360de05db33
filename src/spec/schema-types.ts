/* Generated from schemas/*.schema.json by scripts/generate-types.mjs: do not edit. */

/**
 * Lower-case letters, digits, `_` and `-`; starts with a letter; at most 63 characters.
 */
export type Name = string;
/**
 * The type of a feature: a single value, `array<T>` of such values, or `vector<N>`, an embedding of N float32 (at least 2).
 */
export type Dtype = ScalarDtype | `array<${Exclude<ScalarDtype, 'json'>}>` | `vector<${number}>`;
/**
 * A query in DuckDB's dialect, which a store of another dialect runs translated; or a text for each store.
 */
export type Query = Sql | QueryTexts | WrittenQuery;
/**
 * A query in DuckDB's dialect.
 */
export type Sql = string;
/**
 * A dialect of SQL that queries may be written in.
 */
export type Dialect = 'duckdb' | 'postgres' | 'trino';
/**
 * A column name as the source spells it.
 */
export type Column = string;
/**
 * A whole or decimal number and a unit: `ms s m h d w`, e.g. `15m`, `400d`.
 */
export type Duration = string;
/**
 * Findings of the plan that are known and meant.
 */
export type Suppress = Suppression[];
/**
 * The type of an entity key.
 */
export type KeyType = 'int32' | 'int64' | 'string' | 'uuid' | 'timestamp' | 'date';
/**
 * `warn`: the row counts, and the check is recorded. `quarantine`: the row is kept aside and reaches neither training nor the online store; what is not of single rows warns. `fail`: the materialization stops before it writes anything, the push is refused.
 */
export type OnFailure = 'warn' | 'quarantine' | 'fail';
/**
 * Five or six cron fields (six: seconds first).
 */
export type Cron = string;
/**
 * An IANA time zone, e.g. `America/Chicago`. Default UTC.
 */
export type Timezone = string;
export type NotifyEvent = 'failed' | 'late' | 'recovered' | 'succeeded' | 'breaker_opened';
/**
 * Who is told of what.
 */
export type NotifyRules = NotifyRule[];
/**
 * A task; its fields go by its operator.
 */
export type Task =
  | DataIngestionTask
  | DataValidationTask
  | SqlQueryTask
  | FeatureMaterializationTask
  | TrainingDatasetTask
  | ModelTrainingTask
  | ModelEvaluationTask
  | ModelRegistrationTask
  | ModelPromotionTask
  | BatchPredictionTask
  | DeploymentTask
  | CommandTask
  | PythonTask
  | TypescriptTask
  | HttpRequestTask
  | WaitForTask
  | RunPipelineTask
  | NotifyTask;
/**
 * Bytes with an optional unit: `k M G T` or `Ki Mi Gi Ti`, e.g. `512Mi`.
 */
export type Size = string;
/**
 * A shell line, or the program and its arguments.
 */
export type CommandLine = string | string[];
/**
 * Arguments of a program, each as it is.
 */
export type Arguments = string[];
/**
 * A program on the PATH, or a path.
 */
export type Interpreter = string;
/**
 * A reference to an environment variable (`env('NAME')`, `${env:NAME}` alone), or a plain text where nothing is secret.
 */
export type Secret = string | EnvRef;
/**
 * Globs of project files that the task needs beside those that its command names.
 */
export type Code = string[];
/**
 * Files that it leaves in its directory for the tasks after it: paths or globs below it. Each is kept once the program has succeeded; one that is not there fails the task. Default: those in `MLOPS_ARTIFACTS` alone.
 *
 * @minItems 1
 * @maxItems 100
 */
export type Artifacts = string[];
/**
 * @minItems 1
 */
export type RedisNodes = Secret[];
/**
 * The type of a single value.
 */
export type ScalarDtype =
  'bool' | 'int32' | 'int64' | 'float32' | 'float64' | 'string' | 'timestamp' | 'date' | 'uuid' | 'bytes' | 'json';

/**
 * Where data comes from: a file, a query over other sources, a table or query of a Postgres, or what an endpoint predicted.
 */
export interface SourceSpec {
  /**
   * Its name: lower-case letters, digits, `_` and `-`; starts with a letter; at most 63 characters.
   */
  name: Name;
  /**
   * Path relative to the project root, or a glob of many: `data/visits/*.parquet`, `data/** /*.csv.gz`. CSV, Parquet or JSON lines by its ending, `.gz` and `.zst` where it is compressed. Of many files each is read once; folders called `date=2024-01-01` are columns.
   */
  file?: string;
  /**
   * Default: by the file's ending.
   */
  format?: 'csv' | 'parquet' | 'jsonl';
  /**
   * Texts that stand for a missing value in a CSV file. Default: the empty field.
   */
  nulls?: string[];
  /**
   * CSV field separator. Default: detected.
   */
  delimiter?: string;
  /**
   * Columns whose type is not to be detected: `string` keeps `1.50` as a CSV file has it. Default: every column's type is detected from all its values.
   */
  types?: {
    [k: string]: Dtype;
  };
  /**
   * A query over other sources, instead of a file.
   */
  query?: Query;
  incremental?: Incremental;
  /**
   * The Postgres that a `table` is in, or that a `query` runs on in its own dialect: `env('EHR_URL')`. It is read as a whole, in one transaction that only reads.
   */
  database?: EnvRef;
  /**
   * A table or view of `database`: `visits`, `public.visits`.
   */
  table?: string;
  /**
   * An endpoint: the source is the log of its predictions with what they turned out to be, a row each: `prediction_id`, `request_id`, `row`, `at`, `endpoint`, `variant`, `role`, `member`, `model`, `version`, `routed`, `entity`, `features`, `reads`, `prediction` (these four as JSON), `label`, `probability`, `value`, `failure`, `latency_ms`, `outcome`, `outcome_at`, `outcome_recorded_at`.
   */
  predictions?: Name;
  /**
   * Columns to add: name to SQL expression over the file's columns.
   */
  columns?: {
    [k: string]: string;
  };
  /**
   * What it is, for people.
   */
  description?: string;
  /**
   * The team that answers for it.
   */
  owner?: string;
  /**
   * Free labels.
   */
  tags?: Tags;
  /**
   * Refuse to destroy it. Kept in the recorded state: removing the whole block does not remove the protection. Default false.
   */
  protect?: boolean;
  /**
   * Findings of the plan that are known and meant here, each with the reason that the plan then shows.
   */
  suppress?: Suppress;
  /**
   * Its former name: renames it with its data instead of destroying and creating.
   */
  movedFrom?: Name;
}
/**
 * A text for each store. A store that has none translates DuckDB's.
 */
export interface QueryTexts {
  /**
   * In DuckDB's dialect.
   */
  duckdb?: string;
  /**
   * In Postgres' dialect, run as it is.
   */
  postgres?: string;
  /**
   * In Trino's dialect. Translated for a store that has no text here and no `duckdb` to translate.
   */
  trino?: string;
}
/**
 * A text in one dialect, translated for every store of another. What `dialect` of the project makes of a text.
 */
export interface WrittenQuery {
  dialect: Dialect;
  /**
   * The query.
   */
  sql: string;
}
/**
 * Read only rows whose value in a column that grows is new. Default: all of it is read, of many files those that are new or changed.
 */
export interface Incremental {
  /**
   * A column that later rows have greater values in: a time, a number. Rows below the greatest value read are not looked at again, but for the lookback.
   */
  column: Column;
  /**
   * How far before the greatest time read rows may still come or change; they are read again. Default 0s.
   */
  lookback?: Duration;
}
/**
 * A value that is read from an environment variable when it is used, and never stored.
 */
export interface EnvRef {
  /**
   * Name of the variable.
   */
  $env: string;
}
/**
 * Free labels.
 */
export interface Tags {
  [k: string]: string;
}
export interface Suppression {
  /**
   * Code of the finding, e.g. `FS101`.
   */
  code: string;
  /**
   * Why it is meant, for those who read the plan.
   */
  reason: string;
}
/**
 * What features describe: a patient, a ward. Its keys identify one.
 */
export interface EntitySpec {
  /**
   * Its name: lower-case letters, digits, `_` and `-`; starts with a letter; at most 63 characters.
   */
  name: Name;
  /**
   * Key columns and their types, in order. A change makes a new version of every feature set of the entity.
   */
  keys: {
    [k: string]: KeyType;
  };
  /**
   * What it is, for people.
   */
  description?: string;
  /**
   * The team that answers for it.
   */
  owner?: string;
  /**
   * Free labels.
   */
  tags?: Tags;
  /**
   * Refuse to destroy it. Kept in the recorded state: removing the whole block does not remove the protection. Default false.
   */
  protect?: boolean;
  /**
   * Findings of the plan that are known and meant here, each with the reason that the plan then shows.
   */
  suppress?: Suppress;
  /**
   * Its former name: renames it with its data instead of destroying and creating.
   */
  movedFrom?: Name;
}
/**
 * Features of one entity from one source or query, versioned together.
 */
export interface FeatureSetSpec {
  /**
   * Its name: lower-case letters, digits, `_` and `-`; starts with a letter; at most 63 characters.
   */
  name: Name;
  /**
   * The entity that it describes. A change to one with other keys makes a new version.
   */
  entity: Name;
  /**
   * The source that its rows come from. This, `query` or `push`. A change makes a new version.
   */
  source?: Name;
  /**
   * A query over sources that yields the keys, the event time and the features. This, `source` or `push`. A change makes a new version.
   */
  query?: Query;
  /**
   * `true`: its rows come by push alone. It serves at once; a version with other features starts empty. This, `source` or `query`.
   */
  push?: true;
  /**
   * The column that says when a row became true. A change makes a new version.
   */
  eventTime: Column;
  /**
   * The column that says when a row became known. With it, a training row sees only what was known by then. A change makes a new version.
   */
  createdTime?: Column;
  /**
   * `spine`: only rows known by the spine row's time (default). `now`: every row, whenever it became known. A change makes a new version.
   */
  asKnownAt?: 'spine' | 'now';
  /**
   * How long a value stays valid after its event time, both ends included. Default: for ever. A change is made in place.
   */
  ttl?: Duration;
  /**
   * Name to feature, or to its dtype alone. A change of names, dtypes, columns or expressions makes a new version.
   */
  features: {
    [k: string]: Dtype | Feature;
  };
  expect?: SetExpectation;
  materialize?: MaterializeSpec;
  /**
   * What it is, for people.
   */
  description?: string;
  /**
   * The team that answers for it.
   */
  owner?: string;
  /**
   * Free labels.
   */
  tags?: Tags;
  /**
   * Refuse to destroy it. Kept in the recorded state: removing the whole block does not remove the protection. Default false.
   */
  protect?: boolean;
  /**
   * Findings of the plan that are known and meant here, each with the reason that the plan then shows.
   */
  suppress?: Suppress;
  /**
   * Its former name. Its rows are kept by name, so renaming it once it is applied is refused (AP108) rather than losing them.
   */
  movedFrom?: Name;
}
/**
 * One feature.
 */
export interface Feature {
  /**
   * Its type. A value that does not fit is an error when the set is materialized.
   */
  dtype: Dtype;
  /**
   * The source or query column that holds it. Default: the feature's name.
   */
  column?: Column;
  /**
   * Computed on demand from the set's other features, by one implementation offline and online: Common Expression Language over doubles, null in null out, a division by zero null. Instead of `column`.
   */
  expr?: string;
  /**
   * Unit of measure, e.g. `mg/dl`.
   */
  unit?: string;
  /**
   * What it is, for people.
   */
  description?: string;
  /**
   * What a prediction uses where the value is null or missing; a list for an array or a vector.
   */
  default?: string | number | boolean | (string | number | boolean)[];
  expect?: Expectation;
}
/**
 * What its values must be. Checked by `data_validation`, by each materialization and by each push. A change is made in place.
 */
export interface Expectation {
  /**
   * Smallest value allowed; of an array or a vector, of each of its items.
   */
  min?: number;
  /**
   * Largest value allowed; of an array or a vector, of each of its items.
   */
  max?: number;
  /**
   * Largest share of nulls allowed, 0 to 1.
   */
  maxNull?: number;
  /**
   * Least number of items of an array, of characters of a text, of bytes.
   */
  minLength?: number;
  /**
   * Greatest number of items of an array, of characters of a text, of bytes.
   */
  maxLength?: number;
  /**
   * The values allowed; of an array, its items.
   *
   * @minItems 1
   */
  in?: (string | number | boolean)[];
  /**
   * A regular expression that a text must match somewhere; anchor it with `^` and `$`. Without lookaround and back references.
   */
  pattern?: string;
  /**
   * What a materialization or push does with a row that breaks it. Default: that of the set's `expect`.
   */
  onFailure?: OnFailure;
}
/**
 * What its rows must be. Checked by each materialization. A change is made in place.
 */
export interface SetExpectation {
  /**
   * Fewest rows that a materialization must read.
   */
  minRows?: number;
  /**
   * No two rows that are read share the keys, the event time and the created time. Without it the last of them counts. Default false.
   */
  unique?: boolean;
  /**
   * How old the newest event time may be when the set is materialized. Default: not checked.
   */
  freshness?: Duration;
  /**
   * What a materialization or push does where an expectation is not met, of the set or of a feature that does not say so itself. Default `warn`.
   */
  onFailure?: OnFailure;
}
/**
 * When and how its rows are brought up to date.
 */
export interface MaterializeSpec {
  /**
   * When the daemon materializes it.
   */
  cron?: Cron;
  /**
   * Time zone of `cron`. Default UTC.
   */
  timezone?: Timezone;
  /**
   * How far before the watermark to read again. Default 0s.
   */
  lookback?: Duration;
}
/**
 * The features that a model reads, by name.
 */
export interface FeatureServiceSpec {
  /**
   * Its name: lower-case letters, digits, `_` and `-`; starts with a letter; at most 63 characters.
   */
  name: Name;
  /**
   * `set` for all its features, `set.feature` for one.
   *
   * @minItems 1
   */
  features: string[];
  /**
   * What it is, for people.
   */
  description?: string;
  /**
   * The team that answers for it.
   */
  owner?: string;
  /**
   * Free labels.
   */
  tags?: Tags;
  /**
   * Refuse to destroy it. Kept in the recorded state: removing the whole block does not remove the protection. Default false.
   */
  protect?: boolean;
  /**
   * Findings of the plan that are known and meant here, each with the reason that the plan then shows.
   */
  suppress?: Suppress;
  /**
   * Its former name: renames it with its data instead of destroying and creating.
   */
  movedFrom?: Name;
}
/**
 * Tasks and the order they run in.
 */
export interface PipelineSpec {
  /**
   * Its name: lower-case letters, digits, `_` and `-`; starts with a letter; at most 63 characters.
   */
  name: Name;
  schedule?: Schedule;
  /**
   * What else starts a run of it. Default: nothing.
   */
  triggers?: Trigger[];
  breaker?: Breaker;
  /**
   * Parameters of a run: a default value, which says the type, or what a value may be.
   */
  params?: {
    [k: string]: string | number | boolean | Param;
  };
  /**
   * Who is told of what happens to its runs, instead of the environment's `notify`. An empty list: nobody.
   */
  notify?: NotifyRules;
  expect?: PipelineExpect;
  /**
   * Name to task, in the order written.
   */
  tasks: {
    [k: string]: Task;
  };
  /**
   * What it is, for people.
   */
  description?: string;
  /**
   * The team that answers for it.
   */
  owner?: string;
  /**
   * Free labels.
   */
  tags?: Tags;
  /**
   * Refuse to destroy it. Kept in the recorded state: removing the whole block does not remove the protection. Default false.
   */
  protect?: boolean;
  /**
   * Findings of the plan that are known and meant here, each with the reason that the plan then shows.
   */
  suppress?: Suppress;
  /**
   * Its former name. Its runs are kept by name, so renaming it once it is applied is refused (AP108) rather than losing them.
   */
  movedFrom?: Name;
  concurrency?: PipelineConcurrency;
}
/**
 * When the daemon runs it. Default: only when asked.
 */
export interface Schedule {
  /**
   * Five or six cron fields (six: seconds first).
   */
  cron: Cron;
  /**
   * Time zone of `cron`. Default UTC.
   */
  timezone?: Timezone;
  /**
   * Instants missed while no daemon ran: none of them, the last, or all. Default none.
   */
  catchup?: 'none' | 'last' | 'all';
  /**
   * When the run before still runs: wait for it, skip this instant, or cancel the run before. Default queue.
   */
  overlap?: 'queue' | 'skip' | 'cancel';
}
/**
 * What starts a run beside `schedule`. Exactly one of `cron`, `materialized`, `promoted`, `pipeline`, `file`, `table`, `query` and `webhook` says what.
 */
export interface Trigger {
  /**
   * A time: five or six cron fields (six: seconds first). Instants of several crons of one pipeline that coincide run once.
   */
  cron?: Cron;
  /**
   * Time zone of `cron`. Default UTC.
   */
  timezone?: Timezone;
  /**
   * Of `cron`: instants missed while no daemon ran: none of them, the last, or all. Default none.
   */
  catchup?: 'none' | 'last' | 'all';
  /**
   * Of `cron`: when a run of the pipeline's crons still runs: wait for it, skip this instant, or cancel that run. Default queue.
   */
  overlap?: 'queue' | 'skip' | 'cancel';
  /**
   * New rows of this feature set were materialized, online included.
   */
  materialized?: Name;
  /**
   * A version of this model entered the stage `to`.
   */
  promoted?: Name;
  /**
   * Of `promoted`: the stage. `development` is entered when a version is registered. Default production.
   */
  to?: 'development' | 'staging' | 'production' | 'archived';
  /**
   * A run of this pipeline ended.
   */
  pipeline?: Name;
  /**
   * Of `pipeline`: how it ended; `any` is also cancelled. Default succeeded.
   */
  on?: 'succeeded' | 'failed' | 'any';
  /**
   * A file, or all that a glob matches, came, went or changed (name, size, time). Relative to the project root; an http(s) address is asked for its `ETag` or `Last-Modified`.
   */
  file?: string;
  /**
   * A table of `database` has other rows than before, as its greatest `column`, else its number of rows tells.
   */
  table?: string;
  /**
   * Of `table`: a column that grows with every change, such as a time of change. Default: rows are counted, which a change of a row does not show in.
   */
  column?: Column;
  /**
   * A query of `database`, in its dialect, whose first row is another than before.
   */
  query?: string;
  /**
   * The Postgres of `table` and `query`: `env('EHR_URL')`.
   */
  database?: EnvRef;
  /**
   * Of `file`, `table` and `query`: how often the scheduler looks, at least 1s. Default 1m.
   */
  every?: Duration;
  /**
   * A POST to `/api/v1/webhooks/PIPELINE/NAME`, NAME being this.
   */
  webhook?: Name;
  /**
   * Of `webhook`: what the caller sends as `Authorization: Bearer`.
   */
  token?: EnvRef;
  /**
   * Of `webhook`: the key of the HMAC-SHA-256 over the body that the caller sends in `X-Hub-Signature-256: sha256=…`, as GitHub does.
   */
  secret?: EnvRef;
  /**
   * Parameters of the run: name to an expression over `event` (Common Expression Language), e.g. `event.version`, `event.body.ref`.
   */
  params?: {
    [k: string]: string;
  };
  /**
   * Events that come while a run that this started is under way become one run after it. Default true for `materialized`, `file`, `table` and `query`, false for `promoted`, `pipeline` and `webhook`, where each event has a run.
   */
  coalesce?: boolean;
}
/**
 * After so many runs that failed in a row no schedule and no trigger starts it for a while; then one run tries. Default: none.
 */
export interface Breaker {
  /**
   * Failed runs in a row that open it, whoever started them.
   */
  failures: number;
  /**
   * How long nothing starts the pipeline by itself. Default 1h.
   */
  pause?: Duration;
}
/**
 * What a parameter of a run may be.
 */
export interface Param {
  /**
   * `date` is `2026-01-31`, `timestamp` ISO 8601; a time without a zone is UTC.
   */
  type: 'string' | 'integer' | 'number' | 'boolean' | 'date' | 'timestamp';
  /**
   * Taken where a run gives none. Default: none; the value is then null, or must be given where it is `required`.
   */
  default?: string | number | boolean;
  /**
   * Whoever starts a run must give it. Default false.
   */
  required?: boolean;
  /**
   * The values that it can have.
   *
   * @minItems 1
   */
  enum?: (string | number | boolean)[];
  /**
   * Smallest number, first date or time.
   */
  min?: number | string;
  /**
   * Largest number, last date or time.
   */
  max?: number | string;
  /**
   * What it is, for people.
   */
  description?: string;
}
export interface NotifyRule {
  /**
   * A channel of the environment (`notifications`). Where the environment has none of that name, nothing is sent.
   */
  to: Name;
  /**
   * `failed`: a run failed. `late`: what `expect` asks for did not come in time. `recovered`: the first success after a failure, or rows that are fresh again. `succeeded`: every success. `breaker_opened`: scheduled runs are paused after failures. Default `failed`, `late`, `recovered`, `breaker_opened`.
   *
   * @minItems 1
   */
  on?: NotifyEvent[];
}
/**
 * When its result is to be there; what is not is late. Of a schedule, each instant is looked at, also when no run was started.
 */
export interface PipelineExpect {
  /**
   * A success so long after the instant of the schedule; of a run without one, after it was started.
   */
  within?: Duration;
  /**
   * A success by this time of day (`06:00`), the next after the instant, in the schedule's time zone.
   */
  by?: string;
}
/**
 * Takes an immutable snapshot of a source.
 */
export interface DataIngestionTask {
  /**
   * What the task does.
   */
  operator: 'data_ingestion';
  /**
   * The source to take a snapshot of. Default: the only source of the project.
   */
  source?: Name;
  /**
   * What it is, for people.
   */
  description?: string;
  /**
   * Tasks that come before. Default: none, or, where no task of the pipeline declares any, the task written before.
   */
  needs?: Name[];
  /**
   * When it runs, by its upstream tasks' ends. Default all_success.
   */
  trigger?: 'all_success' | 'all_done' | 'one_success' | 'one_failed' | 'none_failed' | 'always';
  /**
   * Runs only when this expression over `params`, `outputs` and `run` is true. Common Expression Language.
   */
  when?: string;
  /**
   * What is tried again, how often and after what delay.
   */
  retry?: Retry;
  /**
   * Per attempt. Default: none.
   */
  timeout?: Duration;
  /**
   * Longest wait for room, from the moment an attempt may start. Default: none.
   */
  queuedTimeout?: Duration;
  /**
   * For the task over all its attempts. Default: none.
   */
  deadline?: Duration;
  /**
   * What it takes of the machine while it runs.
   */
  resources?: Resources;
  /**
   * Higher is claimed first. Default 0.
   */
  priority?: number;
  /**
   * Where the program of a `command` or `python` task runs: on the machine of the daemon, or as a Job in the cluster of the environment. Default: in the cluster where the environment has one.
   */
  runner?: 'process' | 'kubernetes';
  /**
   * How its pod is made, where it runs in a cluster.
   */
  kubernetes?: KubernetesTaskSpec;
  /**
   * Runs once for each item of a list, at most 100,000: the list itself, an expression over `params`, `outputs` and `run` that gives one, or a query over sources whose rows are the items. In its `when` the item is `item` and its place, from 0, `index`. Its outputs are those of the items, in order.
   */
  forEach?: (string | number | boolean | {} | unknown[] | null)[] | string | ItemsQuery;
  /**
   * Of `forEach`: items at once. Default: as many as there is room for.
   */
  concurrency?: number;
  /**
   * Takes a slot of a pool of the environment while it runs: its name, or names with numbers of slots.
   */
  pool?:
    | string
    | {
        [k: string]: number;
      };
  /**
   * Takes over what an earlier run of it gave for the same code, settings and inputs. Of command, python, typescript, sql_query, training_dataset, model_training and model_evaluation. Default: never.
   */
  cache?: Cache;
}
/**
 * Further attempts.
 */
export interface Retry {
  /**
   * Attempts beyond the first. Default 0.
   */
  limit?: number;
  backoff?: Backoff;
  /**
   * What is tried again. Default: failed, timed_out and crashed.
   *
   * @minItems 1
   */
  on?: (('failed' | 'timed_out' | 'crashed') | number)[];
}
/**
 * Delay of retry n: min(cap, initial · factor^(n−1)).
 */
export interface Backoff {
  /**
   * Delay before the first retry. Default 1s.
   */
  initial?: Duration;
  /**
   * Growth of the delay from one retry to the next. Default 2.
   */
  factor?: number;
  /**
   * Longest delay. Default 5m.
   */
  cap?: Duration;
  /**
   * Full jitter: a random delay between 0 and the computed one. Default true.
   */
  jitter?: boolean;
}
/**
 * What it takes of the machine while it runs.
 */
export interface Resources {
  /**
   * Cores. Default 1 for a process, 0 for an inline task.
   */
  cpu?: number;
  /**
   * Memory, e.g. `512Mi`. Default 0.
   */
  memory?: Size;
  /**
   * Whole devices. Default 0.
   */
  gpu?: number;
}
/**
 * What the pod of a task has otherwise than the environment says.
 */
export interface KubernetesTaskSpec {
  /**
   * The container image that programs run in. It needs the program, and `/bin/sh` for a shell line; nothing of mlops. Default: as the environment says.
   */
  image?: string;
  /**
   * When the image is pulled. Default: as the environment says.
   */
  imagePullPolicy?: 'Always' | 'IfNotPresent' | 'Never';
  /**
   * Service account of the pods; with one they get its token. Default: as the environment says.
   */
  serviceAccount?: string;
  /**
   * Labels that a node must have. Beside those of the environment.
   */
  nodeSelector?: {
    [k: string]: string;
  };
  /**
   * Taints of nodes that the pods bear. Beside those of the environment.
   */
  tolerations?: TolerationSpec[];
  /**
   * The local queue of Kueue that lets the Job in. Default: as the environment says.
   */
  queue?: string;
  /**
   * Priority class of the pods. Default: as the environment says.
   */
  priorityClass?: string;
  /**
   * Runtime class of the pods. Default: as the environment says.
   */
  runtimeClass?: string;
  /**
   * What the cluster calls the devices that `resources.gpu` counts. Default: as the environment says.
   */
  gpuResource?: string;
  /**
   * Number of the account that programs run as; `image`: the one that the image names, which must not be root. Default: as the environment says.
   */
  runAsUser?: number | 'image';
  /**
   * Environment variables from Secret objects that are in the namespace. Beside those of the environment.
   */
  secretEnv?: {
    [k: string]: SecretKeySpec;
  };
  /**
   * Labels of Jobs and pods. Beside those of the environment.
   */
  labels?: {
    [k: string]: string;
  };
  /**
   * Annotations of pods. Beside those of the environment.
   */
  annotations?: {
    [k: string]: string;
  };
}
/**
 * A taint of nodes that is borne, in the words of Kubernetes.
 */
export interface TolerationSpec {
  /**
   * The taint. Default: every one.
   */
  key?: string;
  /**
   * Default: `Equal` where there is a value, else `Exists`.
   */
  operator?: 'Exists' | 'Equal';
  /**
   * The value that it must have.
   */
  value?: string;
  /**
   * Default: every effect.
   */
  effect?: 'NoSchedule' | 'PreferNoSchedule' | 'NoExecute';
  /**
   * How long a NoExecute is borne. Default: for ever.
   */
  tolerationSeconds?: number;
}
/**
 * A key of a Secret object.
 */
export interface SecretKeySpec {
  /**
   * Name of the object.
   */
  name: string;
  /**
   * Key within it.
   */
  key: string;
}
export interface ItemsQuery {
  /**
   * A query over sources: each row is an item, an object of its columns, in the order that the query gives them.
   */
  query: Query;
}
/**
 * Whether what a task gave before is taken over.
 */
export interface Cache {
  /**
   * How long after its end a result is taken over. `0s`: never; it is kept for others all the same.
   */
  ttl: Duration;
  /**
   * An expression over `params`, `outputs` and `run` (Common Expression Language) that stands in place of the parameters and the outputs of the tasks before: `outputs.dataset.digest`, `run.instant`.
   */
  key?: string;
}
/**
 * Checks the expectations of feature sets against a snapshot of their source.
 */
export interface DataValidationTask {
  /**
   * What the task does.
   */
  operator: 'data_validation';
  /**
   * Check the sets that read this source. Default: what was ingested upstream.
   */
  source?: Name;
  /**
   * The sets whose expectations are checked. Default: those that read the source, or what was ingested upstream.
   *
   * @minItems 1
   */
  featureSets?: Name[];
  /**
   * `fail` the task (default) or `warn` and go on.
   */
  onFailure?: 'warn' | 'fail';
  /**
   * What it is, for people.
   */
  description?: string;
  /**
   * Tasks that come before. Default: none, or, where no task of the pipeline declares any, the task written before.
   */
  needs?: Name[];
  /**
   * When it runs, by its upstream tasks' ends. Default all_success.
   */
  trigger?: 'all_success' | 'all_done' | 'one_success' | 'one_failed' | 'none_failed' | 'always';
  /**
   * Runs only when this expression over `params`, `outputs` and `run` is true. Common Expression Language.
   */
  when?: string;
  /**
   * What is tried again, how often and after what delay.
   */
  retry?: Retry;
  /**
   * Per attempt. Default: none.
   */
  timeout?: Duration;
  /**
   * Longest wait for room, from the moment an attempt may start. Default: none.
   */
  queuedTimeout?: Duration;
  /**
   * For the task over all its attempts. Default: none.
   */
  deadline?: Duration;
  /**
   * What it takes of the machine while it runs.
   */
  resources?: Resources;
  /**
   * Higher is claimed first. Default 0.
   */
  priority?: number;
  /**
   * Where the program of a `command` or `python` task runs: on the machine of the daemon, or as a Job in the cluster of the environment. Default: in the cluster where the environment has one.
   */
  runner?: 'process' | 'kubernetes';
  /**
   * How its pod is made, where it runs in a cluster.
   */
  kubernetes?: KubernetesTaskSpec;
  /**
   * Runs once for each item of a list, at most 100,000: the list itself, an expression over `params`, `outputs` and `run` that gives one, or a query over sources whose rows are the items. In its `when` the item is `item` and its place, from 0, `index`. Its outputs are those of the items, in order.
   */
  forEach?: (string | number | boolean | {} | unknown[] | null)[] | string | ItemsQuery1;
  /**
   * Of `forEach`: items at once. Default: as many as there is room for.
   */
  concurrency?: number;
  /**
   * Takes a slot of a pool of the environment while it runs: its name, or names with numbers of slots.
   */
  pool?:
    | string
    | {
        [k: string]: number;
      };
  /**
   * Takes over what an earlier run of it gave for the same code, settings and inputs. Of command, python, typescript, sql_query, training_dataset, model_training and model_evaluation. Default: never.
   */
  cache?: Cache;
}
export interface ItemsQuery1 {
  /**
   * A query over sources: each row is an item, an object of its columns, in the order that the query gives them.
   */
  query: Query;
}
/**
 * Runs a query over sources and keeps its result. A feature_materialization task after it writes the result into its sets.
 */
export interface SqlQueryTask {
  /**
   * What the task does.
   */
  operator: 'sql_query';
  /**
   * A query over sources. Where its result has the keys and features of a set that is materialized after it, it is written into the set; without a column for the event time that is the run's instant.
   */
  query: Query;
  /**
   * The feature set that the result is written into by this task itself, and no other. It must have the set's keys and features. Default: every set that is materialized after it and fits.
   */
  into?: Name;
  /**
   * What it is, for people.
   */
  description?: string;
  /**
   * Tasks that come before. Default: none, or, where no task of the pipeline declares any, the task written before.
   */
  needs?: Name[];
  /**
   * When it runs, by its upstream tasks' ends. Default all_success.
   */
  trigger?: 'all_success' | 'all_done' | 'one_success' | 'one_failed' | 'none_failed' | 'always';
  /**
   * Runs only when this expression over `params`, `outputs` and `run` is true. Common Expression Language.
   */
  when?: string;
  /**
   * What is tried again, how often and after what delay.
   */
  retry?: Retry;
  /**
   * Per attempt. Default: none.
   */
  timeout?: Duration;
  /**
   * Longest wait for room, from the moment an attempt may start. Default: none.
   */
  queuedTimeout?: Duration;
  /**
   * For the task over all its attempts. Default: none.
   */
  deadline?: Duration;
  /**
   * What it takes of the machine while it runs.
   */
  resources?: Resources;
  /**
   * Higher is claimed first. Default 0.
   */
  priority?: number;
  /**
   * Where the program of a `command` or `python` task runs: on the machine of the daemon, or as a Job in the cluster of the environment. Default: in the cluster where the environment has one.
   */
  runner?: 'process' | 'kubernetes';
  /**
   * How its pod is made, where it runs in a cluster.
   */
  kubernetes?: KubernetesTaskSpec;
  /**
   * Runs once for each item of a list, at most 100,000: the list itself, an expression over `params`, `outputs` and `run` that gives one, or a query over sources whose rows are the items. In its `when` the item is `item` and its place, from 0, `index`. Its outputs are those of the items, in order.
   */
  forEach?: (string | number | boolean | {} | unknown[] | null)[] | string | ItemsQuery2;
  /**
   * Of `forEach`: items at once. Default: as many as there is room for.
   */
  concurrency?: number;
  /**
   * Takes a slot of a pool of the environment while it runs: its name, or names with numbers of slots.
   */
  pool?:
    | string
    | {
        [k: string]: number;
      };
  /**
   * Takes over what an earlier run of it gave for the same code, settings and inputs. Of command, python, typescript, sql_query, training_dataset, model_training and model_evaluation. Default: never.
   */
  cache?: Cache;
}
export interface ItemsQuery2 {
  /**
   * A query over sources: each row is an item, an object of its columns, in the order that the query gives them.
   */
  query: Query;
}
/**
 * Computes new rows of feature sets, writes them offline and the latest online. What a sql_query task before it found is written too.
 */
export interface FeatureMaterializationTask {
  /**
   * What the task does.
   */
  operator: 'feature_materialization';
  /**
   * The sets to materialize. Default: those validated upstream, or that read what was ingested upstream.
   *
   * @minItems 1
   */
  featureSets?: Name[];
  /**
   * What it is, for people.
   */
  description?: string;
  /**
   * Tasks that come before. Default: none, or, where no task of the pipeline declares any, the task written before.
   */
  needs?: Name[];
  /**
   * When it runs, by its upstream tasks' ends. Default all_success.
   */
  trigger?: 'all_success' | 'all_done' | 'one_success' | 'one_failed' | 'none_failed' | 'always';
  /**
   * Runs only when this expression over `params`, `outputs` and `run` is true. Common Expression Language.
   */
  when?: string;
  /**
   * What is tried again, how often and after what delay.
   */
  retry?: Retry;
  /**
   * Per attempt. Default: none.
   */
  timeout?: Duration;
  /**
   * Longest wait for room, from the moment an attempt may start. Default: none.
   */
  queuedTimeout?: Duration;
  /**
   * For the task over all its attempts. Default: none.
   */
  deadline?: Duration;
  /**
   * What it takes of the machine while it runs.
   */
  resources?: Resources;
  /**
   * Higher is claimed first. Default 0.
   */
  priority?: number;
  /**
   * Where the program of a `command` or `python` task runs: on the machine of the daemon, or as a Job in the cluster of the environment. Default: in the cluster where the environment has one.
   */
  runner?: 'process' | 'kubernetes';
  /**
   * How its pod is made, where it runs in a cluster.
   */
  kubernetes?: KubernetesTaskSpec;
  /**
   * Runs once for each item of a list, at most 100,000: the list itself, an expression over `params`, `outputs` and `run` that gives one, or a query over sources whose rows are the items. In its `when` the item is `item` and its place, from 0, `index`. Its outputs are those of the items, in order.
   */
  forEach?: (string | number | boolean | {} | unknown[] | null)[] | string | ItemsQuery3;
  /**
   * Of `forEach`: items at once. Default: as many as there is room for.
   */
  concurrency?: number;
  /**
   * Takes a slot of a pool of the environment while it runs: its name, or names with numbers of slots.
   */
  pool?:
    | string
    | {
        [k: string]: number;
      };
  /**
   * Takes over what an earlier run of it gave for the same code, settings and inputs. Of command, python, typescript, sql_query, training_dataset, model_training and model_evaluation. Default: never.
   */
  cache?: Cache;
}
export interface ItemsQuery3 {
  /**
   * A query over sources: each row is an item, an object of its columns, in the order that the query gives them.
   */
  query: Query;
}
/**
 * Joins features to a spine point in time and records the result as an immutable training set.
 */
export interface TrainingDatasetTask {
  /**
   * What the task does.
   */
  operator: 'training_dataset';
  /**
   * The feature service whose features are joined to the spine. Default: the inputs of the model that names this pipeline.
   */
  features?: Name;
  /**
   * A query over sources that yields the entity keys, the event time and the labels.
   */
  spine: Query;
  split?: Split;
  /**
   * What it is, for people.
   */
  description?: string;
  /**
   * Tasks that come before. Default: none, or, where no task of the pipeline declares any, the task written before.
   */
  needs?: Name[];
  /**
   * When it runs, by its upstream tasks' ends. Default all_success.
   */
  trigger?: 'all_success' | 'all_done' | 'one_success' | 'one_failed' | 'none_failed' | 'always';
  /**
   * Runs only when this expression over `params`, `outputs` and `run` is true. Common Expression Language.
   */
  when?: string;
  /**
   * What is tried again, how often and after what delay.
   */
  retry?: Retry;
  /**
   * Per attempt. Default: none.
   */
  timeout?: Duration;
  /**
   * Longest wait for room, from the moment an attempt may start. Default: none.
   */
  queuedTimeout?: Duration;
  /**
   * For the task over all its attempts. Default: none.
   */
  deadline?: Duration;
  /**
   * What it takes of the machine while it runs.
   */
  resources?: Resources;
  /**
   * Higher is claimed first. Default 0.
   */
  priority?: number;
  /**
   * Where the program of a `command` or `python` task runs: on the machine of the daemon, or as a Job in the cluster of the environment. Default: in the cluster where the environment has one.
   */
  runner?: 'process' | 'kubernetes';
  /**
   * How its pod is made, where it runs in a cluster.
   */
  kubernetes?: KubernetesTaskSpec;
  /**
   * Runs once for each item of a list, at most 100,000: the list itself, an expression over `params`, `outputs` and `run` that gives one, or a query over sources whose rows are the items. In its `when` the item is `item` and its place, from 0, `index`. Its outputs are those of the items, in order.
   */
  forEach?: (string | number | boolean | {} | unknown[] | null)[] | string | ItemsQuery4;
  /**
   * Of `forEach`: items at once. Default: as many as there is room for.
   */
  concurrency?: number;
  /**
   * Takes a slot of a pool of the environment while it runs: its name, or names with numbers of slots.
   */
  pool?:
    | string
    | {
        [k: string]: number;
      };
  /**
   * Takes over what an earlier run of it gave for the same code, settings and inputs. Of command, python, typescript, sql_query, training_dataset, model_training and model_evaluation. Default: never.
   */
  cache?: Cache;
}
/**
 * How rows are set aside for the test. Default: by entity, a fifth.
 */
export interface Split {
  /**
   * `entity` keeps all rows of one entity together; `time` takes the latest; `row` by a hash of the row. Default entity.
   */
  by?: 'entity' | 'time' | 'row';
  /**
   * Share of rows for the test. Default 0.2.
   */
  test?: number;
  /**
   * Default 0.
   */
  seed?: number;
}
export interface ItemsQuery4 {
  /**
   * A query over sources: each row is an item, an object of its columns, in the order that the query gives them.
   */
  query: Query;
}
/**
 * Trains a model on a training set, with a built-in trainer or a program that writes model.onnx.
 */
export interface ModelTrainingTask {
  /**
   * What the task does.
   */
  operator: 'model_training';
  /**
   * A built-in trainer. Instead of `command` or `python`.
   */
  trainer?: 'logistic_regression' | 'gradient_boosting' | 'random_forest';
  /**
   * The spine's column to predict.
   */
  label: Column;
  /**
   * Hyperparameters of the trainer.
   */
  params?: {
    [k: string]: number | string | boolean;
  };
  /**
   * A shell line, or the program and its arguments. It must leave `model.onnx` in its directory. Instead of `trainer` or `python`.
   */
  command?: CommandLine;
  /**
   * A Python script that leaves `model.onnx` in its directory. Instead of `trainer` or `command`.
   */
  python?: PythonScript;
  /**
   * Environment variables of the process; secrets by reference.
   */
  env?: EnvMap;
  /**
   * Globs of project files that the task needs beside those that its command names.
   */
  code?: Code;
  /**
   * What it is, for people.
   */
  description?: string;
  /**
   * Tasks that come before. Default: none, or, where no task of the pipeline declares any, the task written before.
   */
  needs?: Name[];
  /**
   * When it runs, by its upstream tasks' ends. Default all_success.
   */
  trigger?: 'all_success' | 'all_done' | 'one_success' | 'one_failed' | 'none_failed' | 'always';
  /**
   * Runs only when this expression over `params`, `outputs` and `run` is true. Common Expression Language.
   */
  when?: string;
  /**
   * What is tried again, how often and after what delay.
   */
  retry?: Retry;
  /**
   * Per attempt. Default: none.
   */
  timeout?: Duration;
  /**
   * Longest wait for room, from the moment an attempt may start. Default: none.
   */
  queuedTimeout?: Duration;
  /**
   * For the task over all its attempts. Default: none.
   */
  deadline?: Duration;
  /**
   * What it takes of the machine while it runs.
   */
  resources?: Resources;
  /**
   * Higher is claimed first. Default 0.
   */
  priority?: number;
  /**
   * Where the program of a `command` or `python` task runs: on the machine of the daemon, or as a Job in the cluster of the environment. Default: in the cluster where the environment has one.
   */
  runner?: 'process' | 'kubernetes';
  /**
   * How its pod is made, where it runs in a cluster.
   */
  kubernetes?: KubernetesTaskSpec;
  /**
   * Runs once for each item of a list, at most 100,000: the list itself, an expression over `params`, `outputs` and `run` that gives one, or a query over sources whose rows are the items. In its `when` the item is `item` and its place, from 0, `index`. Its outputs are those of the items, in order.
   */
  forEach?: (string | number | boolean | {} | unknown[] | null)[] | string | ItemsQuery5;
  /**
   * Of `forEach`: items at once. Default: as many as there is room for.
   */
  concurrency?: number;
  /**
   * Takes a slot of a pool of the environment while it runs: its name, or names with numbers of slots.
   */
  pool?:
    | string
    | {
        [k: string]: number;
      };
  /**
   * Takes over what an earlier run of it gave for the same code, settings and inputs. Of command, python, typescript, sql_query, training_dataset, model_training and model_evaluation. Default: never.
   */
  cache?: Cache;
}
/**
 * A Python script with its arguments and its interpreter.
 */
export interface PythonScript {
  /**
   * The script: a file of the project, by its path below the root.
   */
  script: string;
  /**
   * Its arguments.
   */
  args?: Arguments;
  /**
   * The Python that runs it: a program on the PATH (`python3.11`) or a path (`.venv/bin/python`, below the root of the project where the daemon runs). Default `python3`.
   */
  interpreter?: Interpreter;
}
/**
 * Environment variables of the process; secrets by reference.
 */
export interface EnvMap {
  [k: string]: Secret;
}
export interface ItemsQuery5 {
  /**
   * A query over sources: each row is an item, an object of its columns, in the order that the query gives them.
   */
  query: Query;
}
/**
 * Measures a trained model on the training set's test rows.
 */
export interface ModelEvaluationTask {
  /**
   * What the task does.
   */
  operator: 'model_evaluation';
  /**
   * The model that is evaluated. Default: what was trained upstream.
   */
  model?: Name;
  /**
   * Default: all that fit the label.
   *
   * @minItems 1
   */
  metrics?: ('auc' | 'accuracy' | 'precision' | 'recall' | 'f1' | 'log_loss' | 'brier' | 'rmse' | 'mae' | 'r2')[];
  /**
   * What it is, for people.
   */
  description?: string;
  /**
   * Tasks that come before. Default: none, or, where no task of the pipeline declares any, the task written before.
   */
  needs?: Name[];
  /**
   * When it runs, by its upstream tasks' ends. Default all_success.
   */
  trigger?: 'all_success' | 'all_done' | 'one_success' | 'one_failed' | 'none_failed' | 'always';
  /**
   * Runs only when this expression over `params`, `outputs` and `run` is true. Common Expression Language.
   */
  when?: string;
  /**
   * What is tried again, how often and after what delay.
   */
  retry?: Retry;
  /**
   * Per attempt. Default: none.
   */
  timeout?: Duration;
  /**
   * Longest wait for room, from the moment an attempt may start. Default: none.
   */
  queuedTimeout?: Duration;
  /**
   * For the task over all its attempts. Default: none.
   */
  deadline?: Duration;
  /**
   * What it takes of the machine while it runs.
   */
  resources?: Resources;
  /**
   * Higher is claimed first. Default 0.
   */
  priority?: number;
  /**
   * Where the program of a `command` or `python` task runs: on the machine of the daemon, or as a Job in the cluster of the environment. Default: in the cluster where the environment has one.
   */
  runner?: 'process' | 'kubernetes';
  /**
   * How its pod is made, where it runs in a cluster.
   */
  kubernetes?: KubernetesTaskSpec;
  /**
   * Runs once for each item of a list, at most 100,000: the list itself, an expression over `params`, `outputs` and `run` that gives one, or a query over sources whose rows are the items. In its `when` the item is `item` and its place, from 0, `index`. Its outputs are those of the items, in order.
   */
  forEach?: (string | number | boolean | {} | unknown[] | null)[] | string | ItemsQuery6;
  /**
   * Of `forEach`: items at once. Default: as many as there is room for.
   */
  concurrency?: number;
  /**
   * Takes a slot of a pool of the environment while it runs: its name, or names with numbers of slots.
   */
  pool?:
    | string
    | {
        [k: string]: number;
      };
  /**
   * Takes over what an earlier run of it gave for the same code, settings and inputs. Of command, python, typescript, sql_query, training_dataset, model_training and model_evaluation. Default: never.
   */
  cache?: Cache;
}
export interface ItemsQuery6 {
  /**
   * A query over sources: each row is an item, an object of its columns, in the order that the query gives them.
   */
  query: Query;
}
/**
 * Registers the trained model as the next version.
 */
export interface ModelRegistrationTask {
  /**
   * What the task does.
   */
  operator: 'model_registration';
  /**
   * The model that gets the version. Default: the model that names this pipeline.
   */
  model?: Name;
  /**
   * What it is, for people.
   */
  description?: string;
  /**
   * Tasks that come before. Default: none, or, where no task of the pipeline declares any, the task written before.
   */
  needs?: Name[];
  /**
   * When it runs, by its upstream tasks' ends. Default all_success.
   */
  trigger?: 'all_success' | 'all_done' | 'one_success' | 'one_failed' | 'none_failed' | 'always';
  /**
   * Runs only when this expression over `params`, `outputs` and `run` is true. Common Expression Language.
   */
  when?: string;
  /**
   * What is tried again, how often and after what delay.
   */
  retry?: Retry;
  /**
   * Per attempt. Default: none.
   */
  timeout?: Duration;
  /**
   * Longest wait for room, from the moment an attempt may start. Default: none.
   */
  queuedTimeout?: Duration;
  /**
   * For the task over all its attempts. Default: none.
   */
  deadline?: Duration;
  /**
   * What it takes of the machine while it runs.
   */
  resources?: Resources;
  /**
   * Higher is claimed first. Default 0.
   */
  priority?: number;
  /**
   * Where the program of a `command` or `python` task runs: on the machine of the daemon, or as a Job in the cluster of the environment. Default: in the cluster where the environment has one.
   */
  runner?: 'process' | 'kubernetes';
  /**
   * How its pod is made, where it runs in a cluster.
   */
  kubernetes?: KubernetesTaskSpec;
  /**
   * Runs once for each item of a list, at most 100,000: the list itself, an expression over `params`, `outputs` and `run` that gives one, or a query over sources whose rows are the items. In its `when` the item is `item` and its place, from 0, `index`. Its outputs are those of the items, in order.
   */
  forEach?: (string | number | boolean | {} | unknown[] | null)[] | string | ItemsQuery7;
  /**
   * Of `forEach`: items at once. Default: as many as there is room for.
   */
  concurrency?: number;
  /**
   * Takes a slot of a pool of the environment while it runs: its name, or names with numbers of slots.
   */
  pool?:
    | string
    | {
        [k: string]: number;
      };
  /**
   * Takes over what an earlier run of it gave for the same code, settings and inputs. Of command, python, typescript, sql_query, training_dataset, model_training and model_evaluation. Default: never.
   */
  cache?: Cache;
}
export interface ItemsQuery7 {
  /**
   * A query over sources: each row is an item, an object of its columns, in the order that the query gives them.
   */
  query: Query;
}
/**
 * Moves the registered version to a stage, through its gates.
 */
export interface ModelPromotionTask {
  /**
   * What the task does.
   */
  operator: 'model_promotion';
  /**
   * The model. Default: the one registered upstream.
   */
  model?: Name;
  /**
   * The stage to move it to.
   */
  to: 'staging' | 'production' | 'archived';
  /**
   * What it is, for people.
   */
  description?: string;
  /**
   * Tasks that come before. Default: none, or, where no task of the pipeline declares any, the task written before.
   */
  needs?: Name[];
  /**
   * When it runs, by its upstream tasks' ends. Default all_success.
   */
  trigger?: 'all_success' | 'all_done' | 'one_success' | 'one_failed' | 'none_failed' | 'always';
  /**
   * Runs only when this expression over `params`, `outputs` and `run` is true. Common Expression Language.
   */
  when?: string;
  /**
   * What is tried again, how often and after what delay.
   */
  retry?: Retry;
  /**
   * Per attempt. Default: none.
   */
  timeout?: Duration;
  /**
   * Longest wait for room, from the moment an attempt may start. Default: none.
   */
  queuedTimeout?: Duration;
  /**
   * For the task over all its attempts. Default: none.
   */
  deadline?: Duration;
  /**
   * What it takes of the machine while it runs.
   */
  resources?: Resources;
  /**
   * Higher is claimed first. Default 0.
   */
  priority?: number;
  /**
   * Where the program of a `command` or `python` task runs: on the machine of the daemon, or as a Job in the cluster of the environment. Default: in the cluster where the environment has one.
   */
  runner?: 'process' | 'kubernetes';
  /**
   * How its pod is made, where it runs in a cluster.
   */
  kubernetes?: KubernetesTaskSpec;
  /**
   * Runs once for each item of a list, at most 100,000: the list itself, an expression over `params`, `outputs` and `run` that gives one, or a query over sources whose rows are the items. In its `when` the item is `item` and its place, from 0, `index`. Its outputs are those of the items, in order.
   */
  forEach?: (string | number | boolean | {} | unknown[] | null)[] | string | ItemsQuery8;
  /**
   * Of `forEach`: items at once. Default: as many as there is room for.
   */
  concurrency?: number;
  /**
   * Takes a slot of a pool of the environment while it runs: its name, or names with numbers of slots.
   */
  pool?:
    | string
    | {
        [k: string]: number;
      };
  /**
   * Takes over what an earlier run of it gave for the same code, settings and inputs. Of command, python, typescript, sql_query, training_dataset, model_training and model_evaluation. Default: never.
   */
  cache?: Cache;
}
export interface ItemsQuery8 {
  /**
   * A query over sources: each row is an item, an object of its columns, in the order that the query gives them.
   */
  query: Query;
}
/**
 * Answers rows with a version of a model, in batches of bounded memory, and keeps the predictions beside what was asked.
 */
export interface BatchPredictionTask {
  /**
   * What the task does.
   */
  operator: 'batch_prediction';
  /**
   * The model. Default: the one registered upstream, else the model of this pipeline, else the only one of the project.
   */
  model?: Name;
  /**
   * The version that answers. Default: the one registered upstream, else the one in `stage`.
   */
  version?: number;
  /**
   * The version that stands there answers, also where another was registered upstream. Default production.
   */
  stage?: 'development' | 'staging' | 'production';
  /**
   * The rows to answer, as a query over sources. What the model reads and the rows have as a column (`feature`, or `set__feature`) is taken from there; everything else is joined point in time by the entity keys and the event time, which is the run's instant where there is no such column. Default: `source`, else the training set or the result of the sql_query upstream.
   */
  query?: Query;
  /**
   * The rows to answer: those of this source. Instead of `query`.
   */
  source?: Name;
  /**
   * What becomes of a row that lacks a feature which has no default: it has no prediction, or the task fails. Default leave_empty.
   */
  missing?: 'leave_empty' | 'fail';
  /**
   * A feature set that the predictions are written into, offline and online. Its keys and features must be columns of the result.
   */
  into?: Name;
  /**
   * A file that the predictions are written to, below the root of the project where the daemon runs: `.parquet`, `.arrow`, `.csv`, `.jsonl` or `.json`. It is there whole or not at all. Default: none; they are kept as the artifact `predictions.parquet` in any case.
   */
  file?: string;
  /**
   * Rows that the model is asked with at once; so many are held in memory. Default 10000.
   */
  batchRows?: number;
  /**
   * What it is, for people.
   */
  description?: string;
  /**
   * Tasks that come before. Default: none, or, where no task of the pipeline declares any, the task written before.
   */
  needs?: Name[];
  /**
   * When it runs, by its upstream tasks' ends. Default all_success.
   */
  trigger?: 'all_success' | 'all_done' | 'one_success' | 'one_failed' | 'none_failed' | 'always';
  /**
   * Runs only when this expression over `params`, `outputs` and `run` is true. Common Expression Language.
   */
  when?: string;
  /**
   * What is tried again, how often and after what delay.
   */
  retry?: Retry;
  /**
   * Per attempt. Default: none.
   */
  timeout?: Duration;
  /**
   * Longest wait for room, from the moment an attempt may start. Default: none.
   */
  queuedTimeout?: Duration;
  /**
   * For the task over all its attempts. Default: none.
   */
  deadline?: Duration;
  /**
   * What it takes of the machine while it runs.
   */
  resources?: Resources;
  /**
   * Higher is claimed first. Default 0.
   */
  priority?: number;
  /**
   * Where the program of a `command` or `python` task runs: on the machine of the daemon, or as a Job in the cluster of the environment. Default: in the cluster where the environment has one.
   */
  runner?: 'process' | 'kubernetes';
  /**
   * How its pod is made, where it runs in a cluster.
   */
  kubernetes?: KubernetesTaskSpec;
  /**
   * Runs once for each item of a list, at most 100,000: the list itself, an expression over `params`, `outputs` and `run` that gives one, or a query over sources whose rows are the items. In its `when` the item is `item` and its place, from 0, `index`. Its outputs are those of the items, in order.
   */
  forEach?: (string | number | boolean | {} | unknown[] | null)[] | string | ItemsQuery9;
  /**
   * Of `forEach`: items at once. Default: as many as there is room for.
   */
  concurrency?: number;
  /**
   * Takes a slot of a pool of the environment while it runs: its name, or names with numbers of slots.
   */
  pool?:
    | string
    | {
        [k: string]: number;
      };
  /**
   * Takes over what an earlier run of it gave for the same code, settings and inputs. Of command, python, typescript, sql_query, training_dataset, model_training and model_evaluation. Default: never.
   */
  cache?: Cache;
}
export interface ItemsQuery9 {
  /**
   * A query over sources: each row is an item, an object of its columns, in the order that the query gives them.
   */
  query: Query;
}
/**
 * Brings a version of a model to an endpoint: moves it to the stage that the endpoint follows, and waits until every daemon that answers requests serves it.
 */
export interface DeploymentTask {
  /**
   * What the task does.
   */
  operator: 'deployment';
  /**
   * The endpoint. Default: the only one of the project that has the model.
   */
  endpoint?: Name;
  /**
   * The variant of the endpoint. Default: the only one that has the model.
   */
  variant?: Name;
  /**
   * The model. Default: the one registered upstream, else the model of this pipeline, else the only one of the project.
   */
  model?: Name;
  /**
   * The version. Default: the one registered upstream, else the one in `stage`.
   */
  version?: number;
  /**
   * The version that stands there now. Default: the stage that the variant follows.
   */
  stage?: 'development' | 'staging' | 'production';
  /**
   * Daemons that must serve it at least; 0: also where none answers requests. Default 1.
   */
  daemons?: number;
  /**
   * How long it waits until the version is served everywhere. Default 2m.
   */
  within?: Duration;
  /**
   * What it is, for people.
   */
  description?: string;
  /**
   * Tasks that come before. Default: none, or, where no task of the pipeline declares any, the task written before.
   */
  needs?: Name[];
  /**
   * When it runs, by its upstream tasks' ends. Default all_success.
   */
  trigger?: 'all_success' | 'all_done' | 'one_success' | 'one_failed' | 'none_failed' | 'always';
  /**
   * Runs only when this expression over `params`, `outputs` and `run` is true. Common Expression Language.
   */
  when?: string;
  /**
   * What is tried again, how often and after what delay.
   */
  retry?: Retry;
  /**
   * Per attempt. Default: none.
   */
  timeout?: Duration;
  /**
   * Longest wait for room, from the moment an attempt may start. Default: none.
   */
  queuedTimeout?: Duration;
  /**
   * For the task over all its attempts. Default: none.
   */
  deadline?: Duration;
  /**
   * What it takes of the machine while it runs.
   */
  resources?: Resources;
  /**
   * Higher is claimed first. Default 0.
   */
  priority?: number;
  /**
   * Where the program of a `command` or `python` task runs: on the machine of the daemon, or as a Job in the cluster of the environment. Default: in the cluster where the environment has one.
   */
  runner?: 'process' | 'kubernetes';
  /**
   * How its pod is made, where it runs in a cluster.
   */
  kubernetes?: KubernetesTaskSpec;
  /**
   * Runs once for each item of a list, at most 100,000: the list itself, an expression over `params`, `outputs` and `run` that gives one, or a query over sources whose rows are the items. In its `when` the item is `item` and its place, from 0, `index`. Its outputs are those of the items, in order.
   */
  forEach?: (string | number | boolean | {} | unknown[] | null)[] | string | ItemsQuery10;
  /**
   * Of `forEach`: items at once. Default: as many as there is room for.
   */
  concurrency?: number;
  /**
   * Takes a slot of a pool of the environment while it runs: its name, or names with numbers of slots.
   */
  pool?:
    | string
    | {
        [k: string]: number;
      };
  /**
   * Takes over what an earlier run of it gave for the same code, settings and inputs. Of command, python, typescript, sql_query, training_dataset, model_training and model_evaluation. Default: never.
   */
  cache?: Cache;
}
export interface ItemsQuery10 {
  /**
   * A query over sources: each row is an item, an object of its columns, in the order that the query gives them.
   */
  query: Query;
}
/**
 * Runs any program in a fresh directory that holds the task's code bundle.
 */
export interface CommandTask {
  /**
   * What the task does.
   */
  operator: 'command';
  /**
   * A shell line, or the program and its arguments.
   */
  command: CommandLine;
  /**
   * Environment variables of the process; secrets by reference.
   */
  env?: EnvMap;
  /**
   * Globs of project files that the task needs beside those that its command names.
   */
  code?: Code;
  artifacts?: Artifacts;
  /**
   * What it is, for people.
   */
  description?: string;
  /**
   * Tasks that come before. Default: none, or, where no task of the pipeline declares any, the task written before.
   */
  needs?: Name[];
  /**
   * When it runs, by its upstream tasks' ends. Default all_success.
   */
  trigger?: 'all_success' | 'all_done' | 'one_success' | 'one_failed' | 'none_failed' | 'always';
  /**
   * Runs only when this expression over `params`, `outputs` and `run` is true. Common Expression Language.
   */
  when?: string;
  /**
   * What is tried again, how often and after what delay.
   */
  retry?: Retry;
  /**
   * Per attempt. Default: none.
   */
  timeout?: Duration;
  /**
   * Longest wait for room, from the moment an attempt may start. Default: none.
   */
  queuedTimeout?: Duration;
  /**
   * For the task over all its attempts. Default: none.
   */
  deadline?: Duration;
  /**
   * What it takes of the machine while it runs.
   */
  resources?: Resources;
  /**
   * Higher is claimed first. Default 0.
   */
  priority?: number;
  /**
   * Where the program of a `command` or `python` task runs: on the machine of the daemon, or as a Job in the cluster of the environment. Default: in the cluster where the environment has one.
   */
  runner?: 'process' | 'kubernetes';
  /**
   * How its pod is made, where it runs in a cluster.
   */
  kubernetes?: KubernetesTaskSpec;
  /**
   * Runs once for each item of a list, at most 100,000: the list itself, an expression over `params`, `outputs` and `run` that gives one, or a query over sources whose rows are the items. In its `when` the item is `item` and its place, from 0, `index`. Its outputs are those of the items, in order.
   */
  forEach?: (string | number | boolean | {} | unknown[] | null)[] | string | ItemsQuery11;
  /**
   * Of `forEach`: items at once. Default: as many as there is room for.
   */
  concurrency?: number;
  /**
   * Takes a slot of a pool of the environment while it runs: its name, or names with numbers of slots.
   */
  pool?:
    | string
    | {
        [k: string]: number;
      };
  /**
   * Takes over what an earlier run of it gave for the same code, settings and inputs. Of command, python, typescript, sql_query, training_dataset, model_training and model_evaluation. Default: never.
   */
  cache?: Cache;
}
export interface ItemsQuery11 {
  /**
   * A query over sources: each row is an item, an object of its columns, in the order that the query gives them.
   */
  query: Query;
}
/**
 * Runs a Python script in a fresh directory that holds the task's code bundle.
 */
export interface PythonTask {
  /**
   * What the task does.
   */
  operator: 'python';
  /**
   * The script: a file of the project, by its path below the root.
   */
  script: string;
  /**
   * Its arguments.
   */
  args?: Arguments;
  /**
   * The Python that runs it: a program on the PATH (`python3.11`) or a path (`.venv/bin/python`, below the root of the project where the daemon runs). Default `python3`.
   */
  interpreter?: Interpreter;
  /**
   * Environment variables of the process; secrets by reference.
   */
  env?: EnvMap;
  /**
   * Globs of project files that the script needs beside itself: modules that it imports, data. The root of the bundle is on the module path.
   */
  code?: Code;
  artifacts?: Artifacts;
  /**
   * What it is, for people.
   */
  description?: string;
  /**
   * Tasks that come before. Default: none, or, where no task of the pipeline declares any, the task written before.
   */
  needs?: Name[];
  /**
   * When it runs, by its upstream tasks' ends. Default all_success.
   */
  trigger?: 'all_success' | 'all_done' | 'one_success' | 'one_failed' | 'none_failed' | 'always';
  /**
   * Runs only when this expression over `params`, `outputs` and `run` is true. Common Expression Language.
   */
  when?: string;
  /**
   * What is tried again, how often and after what delay.
   */
  retry?: Retry;
  /**
   * Per attempt. Default: none.
   */
  timeout?: Duration;
  /**
   * Longest wait for room, from the moment an attempt may start. Default: none.
   */
  queuedTimeout?: Duration;
  /**
   * For the task over all its attempts. Default: none.
   */
  deadline?: Duration;
  /**
   * What it takes of the machine while it runs.
   */
  resources?: Resources;
  /**
   * Higher is claimed first. Default 0.
   */
  priority?: number;
  /**
   * Where the program of a `command` or `python` task runs: on the machine of the daemon, or as a Job in the cluster of the environment. Default: in the cluster where the environment has one.
   */
  runner?: 'process' | 'kubernetes';
  /**
   * How its pod is made, where it runs in a cluster.
   */
  kubernetes?: KubernetesTaskSpec;
  /**
   * Runs once for each item of a list, at most 100,000: the list itself, an expression over `params`, `outputs` and `run` that gives one, or a query over sources whose rows are the items. In its `when` the item is `item` and its place, from 0, `index`. Its outputs are those of the items, in order.
   */
  forEach?: (string | number | boolean | {} | unknown[] | null)[] | string | ItemsQuery12;
  /**
   * Of `forEach`: items at once. Default: as many as there is room for.
   */
  concurrency?: number;
  /**
   * Takes a slot of a pool of the environment while it runs: its name, or names with numbers of slots.
   */
  pool?:
    | string
    | {
        [k: string]: number;
      };
  /**
   * Takes over what an earlier run of it gave for the same code, settings and inputs. Of command, python, typescript, sql_query, training_dataset, model_training and model_evaluation. Default: never.
   */
  cache?: Cache;
}
export interface ItemsQuery12 {
  /**
   * A query over sources: each row is an item, an object of its columns, in the order that the query gives them.
   */
  query: Query;
}
/**
 * Runs a function of the config, or of a module of the project, in a worker process.
 */
export interface TypescriptTask {
  /**
   * What the task does.
   */
  operator: 'typescript';
  /**
   * A function of the task's context (`params`, `inputs`, `run`, `log`, `signal`) that returns the task's outputs, an object, or nothing. In YAML the module and its export: `tasks/score.ts#score`.
   */
  run: string;
  /**
   * Environment variables of the process; secrets by reference.
   */
  env?: EnvMap;
  /**
   * Globs of project files that the function reads, beside the modules that it imports.
   */
  code?: Code;
  artifacts?: Artifacts;
  /**
   * What it is, for people.
   */
  description?: string;
  /**
   * Tasks that come before. Default: none, or, where no task of the pipeline declares any, the task written before.
   */
  needs?: Name[];
  /**
   * When it runs, by its upstream tasks' ends. Default all_success.
   */
  trigger?: 'all_success' | 'all_done' | 'one_success' | 'one_failed' | 'none_failed' | 'always';
  /**
   * Runs only when this expression over `params`, `outputs` and `run` is true. Common Expression Language.
   */
  when?: string;
  /**
   * What is tried again, how often and after what delay.
   */
  retry?: Retry;
  /**
   * Per attempt. Default: none.
   */
  timeout?: Duration;
  /**
   * Longest wait for room, from the moment an attempt may start. Default: none.
   */
  queuedTimeout?: Duration;
  /**
   * For the task over all its attempts. Default: none.
   */
  deadline?: Duration;
  /**
   * What it takes of the machine while it runs.
   */
  resources?: Resources;
  /**
   * Higher is claimed first. Default 0.
   */
  priority?: number;
  /**
   * Where the program of a `command` or `python` task runs: on the machine of the daemon, or as a Job in the cluster of the environment. Default: in the cluster where the environment has one.
   */
  runner?: 'process' | 'kubernetes';
  /**
   * How its pod is made, where it runs in a cluster.
   */
  kubernetes?: KubernetesTaskSpec;
  /**
   * Runs once for each item of a list, at most 100,000: the list itself, an expression over `params`, `outputs` and `run` that gives one, or a query over sources whose rows are the items. In its `when` the item is `item` and its place, from 0, `index`. Its outputs are those of the items, in order.
   */
  forEach?: (string | number | boolean | {} | unknown[] | null)[] | string | ItemsQuery13;
  /**
   * Of `forEach`: items at once. Default: as many as there is room for.
   */
  concurrency?: number;
  /**
   * Takes a slot of a pool of the environment while it runs: its name, or names with numbers of slots.
   */
  pool?:
    | string
    | {
        [k: string]: number;
      };
  /**
   * Takes over what an earlier run of it gave for the same code, settings and inputs. Of command, python, typescript, sql_query, training_dataset, model_training and model_evaluation. Default: never.
   */
  cache?: Cache;
}
export interface ItemsQuery13 {
  /**
   * A query over sources: each row is an item, an object of its columns, in the order that the query gives them.
   */
  query: Query;
}
/**
 * Sends an HTTP request; the answer is the task's outputs.
 */
export interface HttpRequestTask {
  /**
   * What the task does.
   */
  operator: 'http_request';
  /**
   * Where to: `http://` or `https://`.
   */
  url: string;
  /**
   * Default GET, or POST where there is a `body`.
   */
  method?: 'GET' | 'HEAD' | 'POST' | 'PUT' | 'PATCH' | 'DELETE';
  /**
   * Parameters that are added to the url, encoded; secrets by reference.
   */
  query?: {
    [k: string]: Secret;
  };
  /**
   * Secrets by reference. They are not sent on where the answer leads to another server.
   */
  headers?: {
    [k: string]: Secret;
  };
  /**
   * Who asks. Not sent on to another server either.
   */
  auth?: HttpAuth;
  /**
   * A map or a list is sent as JSON, a text as it is.
   */
  body?: {} | unknown[] | string | number | boolean;
  /**
   * What the answer must be; else the attempt fails.
   */
  expect?: HttpExpect;
  /**
   * How many redirects are followed. Default 5.
   */
  redirects?: number;
  /**
   * Largest body of an answer, at most 1Mi. Default 256Ki.
   */
  limit?: Size;
  /**
   * What it is, for people.
   */
  description?: string;
  /**
   * Tasks that come before. Default: none, or, where no task of the pipeline declares any, the task written before.
   */
  needs?: Name[];
  /**
   * When it runs, by its upstream tasks' ends. Default all_success.
   */
  trigger?: 'all_success' | 'all_done' | 'one_success' | 'one_failed' | 'none_failed' | 'always';
  /**
   * Runs only when this expression over `params`, `outputs` and `run` is true. Common Expression Language.
   */
  when?: string;
  /**
   * What is tried again, how often and after what delay.
   */
  retry?: Retry;
  /**
   * Per attempt. Default: none.
   */
  timeout?: Duration;
  /**
   * Longest wait for room, from the moment an attempt may start. Default: none.
   */
  queuedTimeout?: Duration;
  /**
   * For the task over all its attempts. Default: none.
   */
  deadline?: Duration;
  /**
   * What it takes of the machine while it runs.
   */
  resources?: Resources;
  /**
   * Higher is claimed first. Default 0.
   */
  priority?: number;
  /**
   * Where the program of a `command` or `python` task runs: on the machine of the daemon, or as a Job in the cluster of the environment. Default: in the cluster where the environment has one.
   */
  runner?: 'process' | 'kubernetes';
  /**
   * How its pod is made, where it runs in a cluster.
   */
  kubernetes?: KubernetesTaskSpec;
  /**
   * Runs once for each item of a list, at most 100,000: the list itself, an expression over `params`, `outputs` and `run` that gives one, or a query over sources whose rows are the items. In its `when` the item is `item` and its place, from 0, `index`. Its outputs are those of the items, in order.
   */
  forEach?: (string | number | boolean | {} | unknown[] | null)[] | string | ItemsQuery14;
  /**
   * Of `forEach`: items at once. Default: as many as there is room for.
   */
  concurrency?: number;
  /**
   * Takes a slot of a pool of the environment while it runs: its name, or names with numbers of slots.
   */
  pool?:
    | string
    | {
        [k: string]: number;
      };
  /**
   * Takes over what an earlier run of it gave for the same code, settings and inputs. Of command, python, typescript, sql_query, training_dataset, model_training and model_evaluation. Default: never.
   */
  cache?: Cache;
}
/**
 * Credentials of a request: a token, or a user with a password.
 */
export interface HttpAuth {
  /**
   * A token: `Authorization: Bearer …`.
   */
  bearer?: Secret;
  /**
   * With `password`: `Authorization: Basic …`.
   */
  user?: Secret;
  /**
   * Goes with `user`.
   */
  password?: Secret;
}
/**
 * What an answer must be.
 */
export interface HttpExpect {
  /**
   * A status, or several. Default: 200 to 299.
   */
  status?: number | number[];
  /**
   * Must be true: an expression over `status`, `headers` (lower case) and `body` (parsed where it is JSON). Common Expression Language.
   */
  that?: string;
}
export interface ItemsQuery14 {
  /**
   * A query over sources: each row is an item, an object of its columns, in the order that the query gives them.
   */
  query: Query;
}
/**
 * Waits until something is there, holding no slot meanwhile. Exactly one of `file`, `http`, `query`, `pipeline` and `that` says what.
 */
export interface WaitForTask {
  /**
   * What the task does.
   */
  operator: 'wait_for';
  /**
   * A file or folder is there: below the root of the project on the daemon's machine, or by its absolute path.
   */
  file?: string;
  /**
   * A request is answered as expected.
   */
  http?: HttpCheck;
  /**
   * A query over sources yields a row.
   */
  query?: Query;
  /**
   * A run of this pipeline has succeeded since the instant of this run.
   */
  pipeline?: Name;
  /**
   * This expression over `params`, `outputs`, `run` and `now` (a time as ISO 8601 UTC) is true. Common Expression Language.
   */
  that?: string;
  /**
   * How often is looked, at least 1s. Default 30s.
   */
  every?: Duration;
  /**
   * What it is, for people.
   */
  description?: string;
  /**
   * Tasks that come before. Default: none, or, where no task of the pipeline declares any, the task written before.
   */
  needs?: Name[];
  /**
   * When it runs, by its upstream tasks' ends. Default all_success.
   */
  trigger?: 'all_success' | 'all_done' | 'one_success' | 'one_failed' | 'none_failed' | 'always';
  /**
   * Runs only when this expression over `params`, `outputs` and `run` is true. Common Expression Language.
   */
  when?: string;
  /**
   * What is tried again, how often and after what delay.
   */
  retry?: Retry;
  /**
   * Per attempt. Default: none.
   */
  timeout?: Duration;
  /**
   * Longest wait for room, from the moment an attempt may start. Default: none.
   */
  queuedTimeout?: Duration;
  /**
   * For the task over all its attempts. Default: none.
   */
  deadline?: Duration;
  /**
   * What it takes of the machine while it runs.
   */
  resources?: Resources;
  /**
   * Higher is claimed first. Default 0.
   */
  priority?: number;
  /**
   * Where the program of a `command` or `python` task runs: on the machine of the daemon, or as a Job in the cluster of the environment. Default: in the cluster where the environment has one.
   */
  runner?: 'process' | 'kubernetes';
  /**
   * How its pod is made, where it runs in a cluster.
   */
  kubernetes?: KubernetesTaskSpec;
  /**
   * Runs once for each item of a list, at most 100,000: the list itself, an expression over `params`, `outputs` and `run` that gives one, or a query over sources whose rows are the items. In its `when` the item is `item` and its place, from 0, `index`. Its outputs are those of the items, in order.
   */
  forEach?: (string | number | boolean | {} | unknown[] | null)[] | string | ItemsQuery15;
  /**
   * Of `forEach`: items at once. Default: as many as there is room for.
   */
  concurrency?: number;
  /**
   * Takes a slot of a pool of the environment while it runs: its name, or names with numbers of slots.
   */
  pool?:
    | string
    | {
        [k: string]: number;
      };
  /**
   * Takes over what an earlier run of it gave for the same code, settings and inputs. Of command, python, typescript, sql_query, training_dataset, model_training and model_evaluation. Default: never.
   */
  cache?: Cache;
}
/**
 * A request, and what its answer must be.
 */
export interface HttpCheck {
  /**
   * Where to: `http://` or `https://`.
   */
  url: string;
  /**
   * Default GET, or POST where there is a `body`.
   */
  method?: 'GET' | 'HEAD' | 'POST' | 'PUT' | 'PATCH' | 'DELETE';
  /**
   * Parameters that are added to the url, encoded; secrets by reference.
   */
  query?: {
    [k: string]: Secret;
  };
  /**
   * Secrets by reference. They are not sent on where the answer leads to another server.
   */
  headers?: {
    [k: string]: Secret;
  };
  /**
   * Who asks. Not sent on to another server either.
   */
  auth?: HttpAuth;
  /**
   * A map or a list is sent as JSON, a text as it is.
   */
  body?: {} | unknown[] | string | number | boolean;
  /**
   * What the answer must be; else the attempt fails.
   */
  expect?: HttpExpect;
  /**
   * How many redirects are followed. Default 5.
   */
  redirects?: number;
  /**
   * Largest body of an answer, at most 1Mi. Default 256Ki.
   */
  limit?: Size;
}
export interface ItemsQuery15 {
  /**
   * A query over sources: each row is an item, an object of its columns, in the order that the query gives them.
   */
  query: Query;
}
/**
 * Runs another pipeline and waits for its end; its outputs are the task's outputs.
 */
export interface RunPipelineTask {
  /**
   * What the task does.
   */
  operator: 'run_pipeline';
  /**
   * The pipeline to run.
   */
  pipeline: Name;
  /**
   * Parameters of the run.
   */
  params?: {
    [k: string]: string | number | boolean | null;
  };
  /**
   * What it is, for people.
   */
  description?: string;
  /**
   * Tasks that come before. Default: none, or, where no task of the pipeline declares any, the task written before.
   */
  needs?: Name[];
  /**
   * When it runs, by its upstream tasks' ends. Default all_success.
   */
  trigger?: 'all_success' | 'all_done' | 'one_success' | 'one_failed' | 'none_failed' | 'always';
  /**
   * Runs only when this expression over `params`, `outputs` and `run` is true. Common Expression Language.
   */
  when?: string;
  /**
   * What is tried again, how often and after what delay.
   */
  retry?: Retry;
  /**
   * Per attempt. Default: none.
   */
  timeout?: Duration;
  /**
   * Longest wait for room, from the moment an attempt may start. Default: none.
   */
  queuedTimeout?: Duration;
  /**
   * For the task over all its attempts. Default: none.
   */
  deadline?: Duration;
  /**
   * What it takes of the machine while it runs.
   */
  resources?: Resources;
  /**
   * Higher is claimed first. Default 0.
   */
  priority?: number;
  /**
   * Where the program of a `command` or `python` task runs: on the machine of the daemon, or as a Job in the cluster of the environment. Default: in the cluster where the environment has one.
   */
  runner?: 'process' | 'kubernetes';
  /**
   * How its pod is made, where it runs in a cluster.
   */
  kubernetes?: KubernetesTaskSpec;
  /**
   * Runs once for each item of a list, at most 100,000: the list itself, an expression over `params`, `outputs` and `run` that gives one, or a query over sources whose rows are the items. In its `when` the item is `item` and its place, from 0, `index`. Its outputs are those of the items, in order.
   */
  forEach?: (string | number | boolean | {} | unknown[] | null)[] | string | ItemsQuery16;
  /**
   * Of `forEach`: items at once. Default: as many as there is room for.
   */
  concurrency?: number;
  /**
   * Takes a slot of a pool of the environment while it runs: its name, or names with numbers of slots.
   */
  pool?:
    | string
    | {
        [k: string]: number;
      };
  /**
   * Takes over what an earlier run of it gave for the same code, settings and inputs. Of command, python, typescript, sql_query, training_dataset, model_training and model_evaluation. Default: never.
   */
  cache?: Cache;
}
export interface ItemsQuery16 {
  /**
   * A query over sources: each row is an item, an object of its columns, in the order that the query gives them.
   */
  query: Query;
}
/**
 * Sends a message to a channel of the environment.
 */
export interface NotifyTask {
  /**
   * What the task does.
   */
  operator: 'notify';
  /**
   * A channel of the `notifications` of an environment.
   */
  channel: Name;
  /**
   * The text.
   */
  message: string;
  /**
   * One line above it. Default: the pipeline and the task.
   */
  title?: string;
  /**
   * Default info.
   */
  severity?: 'info' | 'success' | 'warning' | 'error';
  /**
   * What it is, for people.
   */
  description?: string;
  /**
   * Tasks that come before. Default: none, or, where no task of the pipeline declares any, the task written before.
   */
  needs?: Name[];
  /**
   * When it runs, by its upstream tasks' ends. Default all_success.
   */
  trigger?: 'all_success' | 'all_done' | 'one_success' | 'one_failed' | 'none_failed' | 'always';
  /**
   * Runs only when this expression over `params`, `outputs` and `run` is true. Common Expression Language.
   */
  when?: string;
  /**
   * What is tried again, how often and after what delay.
   */
  retry?: Retry;
  /**
   * Per attempt. Default: none.
   */
  timeout?: Duration;
  /**
   * Longest wait for room, from the moment an attempt may start. Default: none.
   */
  queuedTimeout?: Duration;
  /**
   * For the task over all its attempts. Default: none.
   */
  deadline?: Duration;
  /**
   * What it takes of the machine while it runs.
   */
  resources?: Resources;
  /**
   * Higher is claimed first. Default 0.
   */
  priority?: number;
  /**
   * Where the program of a `command` or `python` task runs: on the machine of the daemon, or as a Job in the cluster of the environment. Default: in the cluster where the environment has one.
   */
  runner?: 'process' | 'kubernetes';
  /**
   * How its pod is made, where it runs in a cluster.
   */
  kubernetes?: KubernetesTaskSpec;
  /**
   * Runs once for each item of a list, at most 100,000: the list itself, an expression over `params`, `outputs` and `run` that gives one, or a query over sources whose rows are the items. In its `when` the item is `item` and its place, from 0, `index`. Its outputs are those of the items, in order.
   */
  forEach?: (string | number | boolean | {} | unknown[] | null)[] | string | ItemsQuery17;
  /**
   * Of `forEach`: items at once. Default: as many as there is room for.
   */
  concurrency?: number;
  /**
   * Takes a slot of a pool of the environment while it runs: its name, or names with numbers of slots.
   */
  pool?:
    | string
    | {
        [k: string]: number;
      };
  /**
   * Takes over what an earlier run of it gave for the same code, settings and inputs. Of command, python, typescript, sql_query, training_dataset, model_training and model_evaluation. Default: never.
   */
  cache?: Cache;
}
export interface ItemsQuery17 {
  /**
   * A query over sources: each row is an item, an object of its columns, in the order that the query gives them.
   */
  query: Query;
}
/**
 * What of it may be under way at once. Default: any number.
 */
export interface PipelineConcurrency {
  /**
   * Runs; a further one waits.
   */
  runs?: number;
  /**
   * Tasks, over all of its runs.
   */
  tasks?: number;
}
/**
 * A model: what it reads, what makes it, and what a version must reach.
 */
export interface ModelSpec {
  /**
   * Its name: lower-case letters, digits, `_` and `-`; starts with a letter; at most 63 characters.
   */
  name: Name;
  /**
   * The framework of its versions. Versions with an ONNX artifact can be served.
   */
  framework:
    'onnx' | 'sklearn' | 'xgboost' | 'lightgbm' | 'catboost' | 'tensorflow' | 'keras' | 'pytorch' | 'jax' | 'other';
  /**
   * The feature service that it reads.
   */
  inputs?: Name;
  /**
   * The pipeline that trains it.
   */
  pipeline?: Name;
  /**
   * What a version must reach to enter production. A gate that cannot be evaluated refuses.
   */
  gates?: Gate[];
  card?: ModelCard;
  /**
   * What it is, for people.
   */
  description?: string;
  /**
   * The team that answers for it.
   */
  owner?: string;
  /**
   * Free labels.
   */
  tags?: Tags;
  /**
   * Refuse to destroy it. Kept in the recorded state: removing the whole block does not remove the protection. Default false.
   */
  protect?: boolean;
  /**
   * Findings of the plan that are known and meant here, each with the reason that the plan then shows.
   */
  suppress?: Suppress;
  /**
   * Its former name. Its versions are kept by name, so renaming it once it is applied is refused (AP108) rather than losing them.
   */
  movedFrom?: Name;
}
/**
 * A metric and what it must reach.
 */
export interface Gate {
  /**
   * A metric of the version, e.g. `auc`.
   */
  metric: string;
  /**
   * Smallest value allowed.
   */
  min?: number;
  /**
   * Largest value allowed.
   */
  max?: number;
  /**
   * No worse than the version now at this stage; passes where there is none.
   */
  atLeast?: 'production' | 'staging';
}
/**
 * The model card.
 */
export interface ModelCard {
  /**
   * What it is for, and what not.
   */
  intendedUse?: string;
  /**
   * Where it is known to be wrong.
   */
  limitations?: string;
  /**
   * Who could be harmed, and how.
   */
  ethics?: string;
}
/**
 * A name that predictions are asked of; it routes to versions of models.
 */
export interface EndpointSpec {
  /**
   * Its name: lower-case letters, digits, `_` and `-`; starts with a letter; at most 63 characters.
   */
  name: Name;
  /**
   * The entity key that decides the variant. Default: the first key of the model's entity.
   */
  key?: string;
  /**
   * Name to variant.
   */
  variants: {
    [k: string]: Variant;
  };
  /**
   * Variant to share of traffic in percent; must add up to 100. Default: all to the only variant. The share of a variant that has no version to serve goes to its `fallback`, else to the variant with the largest share.
   */
  split?: {
    [k: string]: number;
  };
  /**
   * Which requests a variant gets before the split is asked, in this order: the first rule that is true decides. One that cannot be evaluated (a member that is not there, another type) is not true, and is counted.
   */
  rules?: RoutingRule[];
  /**
   * Name to a model that gets a copy of requests beside the variant that answers them. Its answers are logged, never given; it neither delays an answer nor fails it.
   */
  shadows?: {
    [k: string]: Shadow;
  };
  /**
   * How requests that arrive together run together. Default: as the environment says.
   */
  batching?: BatchingSpec;
  log?: PredictionLogSpec;
  feedback?: FeedbackSpec;
  /**
   * How a new version comes to its traffic: step by step, each one judged by what it measured; to production by itself, or back.
   */
  rollout?: Rollout;
  /**
   * What it is, for people.
   */
  description?: string;
  /**
   * The team that answers for it.
   */
  owner?: string;
  /**
   * Free labels.
   */
  tags?: Tags;
  /**
   * Refuse to destroy it. Kept in the recorded state: removing the whole block does not remove the protection. Default false.
   */
  protect?: boolean;
  /**
   * Findings of the plan that are known and meant here, each with the reason that the plan then shows.
   */
  suppress?: Suppress;
  /**
   * Its former name: renames it with its data instead of destroying and creating.
   */
  movedFrom?: Name;
}
/**
 * Who answers: a version of a model, or several models together.
 */
export interface Variant {
  /**
   * The model.
   */
  model?: Name;
  /**
   * Follow the version at this stage. Default production.
   */
  stage?: 'production' | 'staging' | 'development';
  /**
   * Stay at this version instead.
   */
  version?: number;
  ensemble?: Ensemble;
  /**
   * How long an answer may take, its features included, until it counts as failed: `fallback` answers then, else the request fails (EP206). Default: no limit.
   */
  timeout?: Duration;
  /**
   * The variant that answers where this one cannot: it has no version to serve, fails or takes longer than `timeout`. Default: one without a version leaves its keys to the variant with the largest share; a failure fails the request.
   */
  fallback?: string;
}
/**
 * Several models that answer together. They must answer the same task: binary, regression or classes.
 */
export interface Ensemble {
  /**
   * Name to model. What they read is read in one round trip; each is asked at the same time.
   */
  members: {
    [k: string]: Member;
  };
  /**
   * How their answers become one. `mean`: of probabilities, or of values. `vote`: the class that most of them name; of equally many the one that is greater, as text. Or one of the ways with settings.
   */
  combine: ('mean' | 'vote') | Combination;
}
/**
 * One of the models of an ensemble.
 */
export interface Member {
  /**
   * The model.
   */
  model: Name;
  /**
   * Follow the version at this stage. Default production.
   */
  stage?: 'production' | 'staging' | 'development';
  /**
   * Stay at this version instead.
   */
  version?: number;
  /**
   * How long it may take until it counts as not answering. Default: no limit but the variant's.
   */
  timeout?: Duration;
  /**
   * Where it does not answer (no version to serve, a feature without a value, a failure, too late), the others answer without it, and the weights that are left count as all. Where it is not optional, the variant fails. Default false.
   */
  optional?: boolean;
  /**
   * The score that stands for an optional member that does not answer; only with `stacking`, whose model needs one of each.
   */
  default?: number;
}
/**
 * A way to combine the answers of members.
 */
export interface Combination {
  /**
   * Member to weight: the mean with these weights. A weight of 0 asks the member and does not count it.
   */
  weighted?: {
    [k: string]: number;
  };
  stacking?: Stacking;
  /**
   * The first entry that is true names the one member that is asked; the last one has no `when`.
   *
   * @minItems 1
   */
  pick?: Pick[];
}
/**
 * A model whose inputs are the members' scores, called as the members are: the probability of 1, or the value.
 */
export interface Stacking {
  /**
   * The model.
   */
  model: Name;
  /**
   * Follow the version at this stage. Default production.
   */
  stage?: 'production' | 'staging' | 'development';
  /**
   * Stay at this version instead.
   */
  version?: number;
}
/**
 * Which member is asked, and when.
 */
export interface Pick {
  /**
   * Common Expression Language over `context` (of the request) and `entity` (its keys), e.g. `context.region == "EU"`. Default: always.
   */
  when?: string;
  /**
   * The member that answers.
   */
  member: string;
}
/**
 * Requests for which it is true are answered by its variant.
 */
export interface RoutingRule {
  /**
   * What it is called in the log of predictions and in metrics. Default: `rule_N`, counted from 1.
   */
  name?: Name;
  /**
   * Common Expression Language over `context` (of the request) and `entity` (its keys), e.g. `context.region == "EU"`.
   */
  when: string;
  /**
   * The variant that answers.
   */
  variant: string;
}
/**
 * A model that gets a copy of requests.
 */
export interface Shadow {
  /**
   * The model.
   */
  model: Name;
  /**
   * Follow the version at this stage. Default production.
   */
  stage?: 'production' | 'staging' | 'development';
  /**
   * Stay at this version instead.
   */
  version?: number;
  /**
   * Percent of the keys whose requests are copied; the same keys always. Default 100.
   */
  share?: number;
}
/**
 * Requests that arrive together run together, where the model answers each row by itself. Default: those of one moment, at most 64 rows, where a trial of the model showed that it pays; nobody waits for others.
 */
export interface BatchingSpec {
  /**
   * Rows that run together at most; 1: none. More cost less each, and make the first wait for the last. Default 64.
   */
  maxBatch?: number;
  /**
   * How long a request may wait for others, e.g. `5ms`. Each that waits is answered so much later; only what few clients ask at once of a slow model gains. At most `1s`. Default 0.
   */
  maxDelay?: Duration;
}
/**
 * What of its requests is logged, and for how long. Default: all of it, for good.
 */
export interface PredictionLogSpec {
  /**
   * Percent of the requests that are logged, with all their rows, shadows and members; which ones follows from the request id. Default 100. Feedback on the others is refused.
   */
  share?: number;
  /**
   * How long a prediction stays in the control store, where it is listed, counted in figures and told outcomes of; at least as long as `feedback.within`. In the offline store it stays for good. Default: for good.
   */
  keep?: Duration;
  /**
   * Features (`set.feature`) whose values are never logged, whoever gave them.
   */
  exclude?: string[];
}
/**
 * What predictions turn out to be, as it is told later. Without it the endpoint takes no feedback.
 */
export interface FeedbackSpec {
  /**
   * What it is called, e.g. the label that the models learned.
   */
  outcome: string;
  /**
   * `binary`: 0 and 1, false and true. `class`: a text or a whole number. `number`: any number.
   */
  type: 'binary' | 'class' | 'number';
  /**
   * How long after its prediction an outcome is taken. Default: for as long as the prediction is known.
   */
  within?: Duration;
}
/**
 * Begins whenever the candidate variant follows another version.
 */
export interface Rollout {
  /**
   * The variant whose new versions are rolled out. Its share is the rollout's alone: `split` leaves it out.
   */
  candidate: string;
  /**
   * The variant that it is measured against, and that gives it its keys.
   */
  baseline: string;
  /**
   * From the first to the last; shares rise. After the last one the version is promoted.
   *
   * @minItems 1
   * @maxItems 50
   */
  steps: RolloutStep[];
  /**
   * What is measured at each step. Default: that no more requests fail than with the baseline, by 1 percentage point.
   *
   * @minItems 1
   * @maxItems 50
   */
  analysis?: RolloutAnalysis[];
  /**
   * How often it is measured. Default 30s; shorter costs a query of the log of predictions each.
   */
  interval?: Duration;
  /**
   * After the last step: `promote` moves the version to the stage that the baseline follows, through the model's gates; `hold` keeps the last share until somebody promotes it. Default promote.
   */
  onSuccess?: 'promote' | 'hold';
  /**
   * A step that has not ended after so long is paused for somebody to look at. Default: none, it waits.
   */
  progressDeadline?: Duration;
  /**
   * The share of the candidate's requests that must fail within five minutes, of at least 20, for it to go back at once, whatever the step says. Default 0.5.
   */
  breaker?: number;
}
/**
 * A share of the traffic, and what it takes to go on from it.
 */
export interface RolloutStep {
  /**
   * Percent of the baseline's keys that the candidate answers. 0: none; the step is measured on a shadow of the same version.
   */
  share: number;
  /**
   * Rows that the candidate must have answered in the step before it ends. Default 100.
   */
  minSamples?: number;
  /**
   * How long it lasts at least; time that it is paused does not count. Default: until it has its samples.
   */
  for?: Duration;
}
/**
 * A metric of the candidate and what it must keep to. What is not known, or measured on too few rows, is waited for.
 */
export interface RolloutAnalysis {
  /**
   * `errors`: share of requests that failed. `latency_p50`, `latency_p95`, `latency_p99`: milliseconds. `drift`: the greatest of inputs and outputs against the version's reference profile. `disagreement`: share of a shadow's answers that differ from the answer given. `score`: mean of the predictions. `accuracy`, `auc`, `brier`, `log_loss`, `mae`, `mse`: against outcomes that came as feedback.
   */
  metric:
    | 'errors'
    | 'latency_p50'
    | 'latency_p95'
    | 'latency_p99'
    | 'drift'
    | 'disagreement'
    | 'score'
    | 'accuracy'
    | 'auc'
    | 'brier'
    | 'log_loss'
    | 'mae'
    | 'mse';
  /**
   * It must be at most this.
   */
  max?: number;
  /**
   * It must be at least this.
   */
  min?: number;
  /**
   * It must be as good as the baseline's over the same time, but for `margin`.
   */
  atLeast?: 'baseline';
  /**
   * How much worse than the baseline it may be: a number in the metric's unit, or percent of what the baseline has, e.g. `10%`. Default 0.
   */
  margin?: number | string;
  /**
   * Fail only where the rows show it with this confidence, however often they are looked at, e.g. 0.95; what they do not show yet is waited for. Default: the number measured counts as it is. Not for latencies and drift.
   */
  confidence?: number;
  /**
   * Rows that it must be measured on, of the baseline too where it is compared. Default: those of the step.
   */
  minSamples?: number;
  /**
   * Measurements of a step that may fail before it fails. Default 0.
   */
  failureLimit?: number;
  /**
   * The first step that asks for it, counted from 1: outcomes may come too late for those before. Default 1.
   */
  fromStep?: number;
}
/**
 * A rule over plans: what it says is shown with every plan, and `deny` holds the plan back. It is judged as the specs have it and as it is recorded.
 */
export interface PolicySpec {
  /**
   * Its name: lower-case letters, digits, `_` and `-`; starts with a letter; at most 63 characters.
   */
  name: Name;
  /**
   * What a violation does: `deny` holds the plan back, `warn` only shows it (and holds it back with `--fail-on policy`).
   */
  enforcement: 'warn' | 'deny';
  /**
   * What to tell those who read the plan when it is violated. `{…}` holds an expression over `plan` and, with `each`, `change`: `{change.address} loses its rows`. `{{` and `}}` are braces.
   */
  message: string;
  /**
   * Expression over one `change` (and `plan`), as in the plan's JSON; it is violated by each change for which this is true. Changes that do nothing are not looked at.
   */
  each?: string;
  /**
   * Expression over the whole `plan`, as in the plan's JSON; it is violated when this is true.
   */
  when?: string;
  /**
   * Only in TypeScript: a function of the plan's JSON that returns its violations, none or an empty list where there is none. Its text is recorded.
   */
  check?: string;
  /**
   * What it is, for people.
   */
  description?: string;
  /**
   * The team that answers for it.
   */
  owner?: string;
  /**
   * Free labels.
   */
  tags?: Tags;
  /**
   * Refuse to destroy it. Kept in the recorded state: removing the whole block does not remove the protection. Default false.
   */
  protect?: boolean;
  /**
   * Findings of the plan that are known and meant here, each with the reason that the plan then shows.
   */
  suppress?: Suppress;
  /**
   * Its former name: renames it with its data instead of destroying and creating.
   */
  movedFrom?: Name;
}
/**
 * What mlops.config.ts (or mlops.config.yaml) exports.
 */
export interface ProjectSpec {
  /**
   * The project's name.
   */
  project: Name;
  /**
   * What it is, for people.
   */
  description?: string;
  /**
   * The dialect of SQL that the queries of this project are written in, but for those over a database of its own, which run there, and added columns, which are DuckDB's. Default `duckdb`.
   */
  dialect?: Dialect;
  /**
   * Name to environment. Default: one, `dev`, with everything embedded.
   */
  environments?: {
    [k: string]: EnvironmentSpec;
  };
  /**
   * How findings of the plan count, by code: `error` holds the plan back, `warn` does not, `off` leaves it out. Of what the analyzers say (`FS1…`, `PL1…`, `MD1…`, `EP1…`), not of what `protect` and the plan refuse. Default: as docs/codes.md says.
   */
  rules?: {
    [k: string]: 'error' | 'warn' | 'off';
  };
  /**
   * Resources, in TypeScript the values that the builders return.
   */
  resources?: {}[];
  /**
   * Globs of YAML files with resources, relative to the project root.
   */
  specs?: string[];
}
/**
 * Where the project runs. Everything left out is embedded on this machine.
 */
export interface EnvironmentSpec {
  /**
   * Where state, runs and the registry are kept. Default: an embedded Postgres in .mlops/.
   */
  control?: {
    /**
     * Connection string of the Postgres that holds it, normally `env('DATABASE_URL')`.
     */
    postgres?: Secret;
  };
  offline?: OfflineSpec;
  online?: OnlineSpec;
  answerLog?: AnswerLogSpec;
  serving?: ServingSpec;
  snapshots?: SnapshotsSpec;
  daemon?: DaemonSpec;
  telemetry?: TelemetrySpec;
  retention?: RetentionSpec;
  artifacts?: ArtifactLimitsSpec;
  /**
   * Name to channel. Pipelines name them in `notify`.
   */
  notifications?: {
    [k: string]: ChannelSpec;
  };
  /**
   * Who is told of what happens to pipelines that have no `notify` of their own, and of feature sets that are late.
   */
  notify?: NotifyRules;
  runner?: RunnerSpec;
  /**
   * Pools that tasks take slots of, by name, with how many slots each has: whatever machines the tasks run on.
   */
  pools?: {
    [k: string]: number;
  };
  /**
   * What the tasks of a team's pipelines (their `owner`) may use together, by team. Default: no limit.
   */
  teams?: {
    [k: string]: TeamSpec;
  };
}
/**
 * Where the rows of feature sets and the snapshots of sources are kept. Default: Parquet files in .mlops/, read by DuckDB. With another one the store begins empty.
 */
export interface OfflineSpec {
  /**
   * Connection string of a Postgres 13 or later, normally `env('WAREHOUSE_URL')`. It gets a schema for each project and environment.
   */
  postgres: Secret;
}
/**
 * Where the newest values of features are kept for reading. Default: LMDB in .mlops/. Changing it costs one materialization of every set, which fills the new one.
 */
export interface OnlineSpec {
  /**
   * Redis 6 or later: its URL alone (`redis://user:password@host:6379/0`, `rediss:` with TLS), normally `env('REDIS_URL')`, or settings.
   */
  redis: Secret | RedisSpec;
}
/**
 * One of `url`, `sentinel` and `cluster`, and how to speak to it.
 */
export interface RedisSpec {
  /**
   * One server: `redis://user:password@host:6379/0`, `rediss:` with TLS.
   */
  url?: Secret;
  sentinel?: RedisSentinelSpec;
  cluster?: RedisClusterSpec;
  /**
   * ACL user. Default: the URL's, else `default`.
   */
  username?: Secret;
  /**
   * Its password. Default: the URL's, else none.
   */
  password?: Secret;
  /**
   * Number of the database; a cluster has 0 only. Default: the URL's, else 0. With another one the store begins empty.
   */
  db?: number;
  /**
   * Stands before the name of every key; project and environment follow it. Default `mlops:`. With another one the store begins empty.
   */
  keyPrefix?: string;
  /**
   * Speak TLS: `true`, or with which certificates. Default: as the URL says, else no.
   */
  tls?: boolean | RedisTlsSpec;
  /**
   * How long one call may take, from connecting to the answer. Default `2s`.
   */
  timeout?: Duration;
}
/**
 * A master that Sentinels watch: whichever server it is now.
 */
export interface RedisSentinelSpec {
  /**
   * What the Sentinels call the master, e.g. `mymaster`.
   */
  name: string;
  /**
   * The Sentinels as `host:port`. Default port 26379.
   */
  nodes: RedisNodes;
  /**
   * User of the Sentinels themselves.
   */
  username?: Secret;
  /**
   * Password of the Sentinels themselves.
   */
  password?: Secret;
}
/**
 * A Redis Cluster, which spreads the keys over its nodes.
 */
export interface RedisClusterSpec {
  /**
   * Some of its nodes as `host:port`; they know the others. Default port 6379.
   */
  nodes: RedisNodes;
}
export interface RedisTlsSpec {
  /**
   * PEM file, relative to the project, of the authorities to trust. Default: those that Node trusts.
   */
  ca?: string;
  /**
   * PEM file of this client's certificate, where the server asks for one.
   */
  cert?: string;
  /**
   * PEM file of its private key.
   */
  key?: string;
  /**
   * The name that the server's certificate must have. Default: the host.
   */
  serverName?: string;
}
/**
 * Which answers to reads of online features are kept, for `mlops features verify`: at most ten a second, and the newest 100,000.
 */
export interface AnswerLogSpec {
  /**
   * The share of the requests whose answer is kept, with one of its entities; 0 keeps none. Default 0.01.
   */
  sample?: number;
  /**
   * For how long. Default `7d`.
   */
  keep?: Duration;
}
/**
 * How versions of models are served.
 */
export interface ServingSpec {
  /**
   * What the versions in the memory of one daemon may take together. Those that endpoints answer with stay; others are loaded on demand, and go when room is needed, the longest unused first. Default: half of the machine's.
   */
  memory?: Size;
  batching?: BatchingSpec;
}
/**
 * How long snapshots of sources stay that nothing needs any more. Needed are the newest of each source, those that a recorded training set was made from, and those that a version of a feature set was last filled from.
 */
export interface SnapshotsSpec {
  /**
   * Whole days or weeks from when another took its place or its source was destroyed, e.g. `90d`. Less saves disk. Default `30d`.
   */
  keep?: string;
}
/**
 * The process that runs pipelines and serves.
 */
export interface DaemonSpec {
  /**
   * Address to listen on. Off loopback it needs apiKeys. Default 127.0.0.1.
   */
  host?: string;
  /**
   * Ports to listen on, all with the whole API. Default 8000, 8001, 8002.
   *
   * @minItems 1
   */
  ports?: number[];
  /**
   * Keys that a client sends as `Authorization: Bearer KEY`; name to key.
   */
  apiKeys?: {
    [k: string]: Secret;
  };
  /**
   * What tasks on this machine may use together. Default: what it has.
   */
  resources?: {
    /**
     * Cores.
     */
    cpu?: number;
    /**
     * Memory, e.g. `8Gi`.
     */
    memory?: Size;
    /**
     * Whole devices.
     */
    gpu?: number;
  };
}
/**
 * Where traces and lineage of runs go. Without `otlp` the variables of OpenTelemetry (`OTEL_EXPORTER_OTLP_ENDPOINT` …) count.
 */
export interface TelemetrySpec {
  otlp?: OtlpSpec;
  openLineage?: OpenLineageSpec;
}
/**
 * A receiver of OpenTelemetry by OTLP over HTTP: a collector, or a service.
 */
export interface OtlpSpec {
  /**
   * Its base, e.g. `http://localhost:4318`; traces go to `/v1/traces` below.
   */
  endpoint: Secret;
  /**
   * Headers to send with it.
   */
  headers?: {
    [k: string]: Secret;
  };
}
/**
 * A receiver of OpenLineage events, e.g. Marquez.
 */
export interface OpenLineageSpec {
  /**
   * Its base, e.g. `http://localhost:5000`; events go to `/api/v1/lineage` below.
   */
  url: Secret;
  /**
   * Sent as a bearer token.
   */
  apiKey?: Secret;
}
/**
 * How long what runs leave behind is kept, from when a run was made. The runs themselves and their tasks stay.
 */
export interface RetentionSpec {
  /**
   * What their tasks printed. Default `90d`.
   */
  logs?: Duration;
  /**
   * Each change of state. Default `365d`.
   */
  events?: Duration;
  /**
   * Files that their tasks left. Default `90d`.
   */
  artifacts?: Duration;
}
/**
 * Where artifacts are kept (models, training sets, files of tasks), and how much a task may leave.
 */
export interface ArtifactLimitsSpec {
  s3?: S3Spec;
  /**
   * One file that a task leaves. Default `1Gi`. More fails the attempt.
   */
  file?: Size;
  /**
   * All files that an attempt leaves together. Default `4Gi`. More fails it.
   */
  task?: Size;
}
/**
 * Artifacts are objects of an S3 bucket, below `prefix/PROJECT/ENVIRONMENT/`. Default: files in .mlops/. With another one the store begins empty.
 */
export interface S3Spec {
  /**
   * The bucket; it must be there.
   */
  bucket: string;
  /**
   * Stands before every key. Default `mlops`.
   */
  prefix?: string;
  /**
   * URL of another server that speaks S3, e.g. `http://minio:9000`. Default: Amazon's, or AWS_ENDPOINT_URL_S3.
   */
  endpoint?: Secret;
  /**
   * Default: AWS_REGION or the SDK's own files; `us-east-1` where an endpoint is set.
   */
  region?: string;
  /**
   * Write the bucket into the path instead of the host's name. Default: where an endpoint is set.
   */
  pathStyle?: boolean;
  /**
   * Normally `env('…')`, with `secretAccessKey`. Default: what the SDK finds: AWS_ACCESS_KEY_ID, its files, the role of the machine or pod.
   */
  accessKeyId?: Secret;
  /**
   * Normally `env('…')`.
   */
  secretAccessKey?: Secret;
  /**
   * Of temporary credentials.
   */
  sessionToken?: Secret;
  /**
   * How long one attempt of a call may take, and how long bytes may keep one waiting; three attempts are made. Default `10s`.
   */
  timeout?: Duration;
  /**
   * How much of this machine's disk the copies may hold that are read as files; what was asked for within an hour stays. Default `10Gi`.
   */
  cache?: Size;
}
/**
 * Where notifications go: one of `webhook`, `slack` and `email`.
 */
export interface ChannelSpec {
  webhook?: WebhookSpec;
  slack?: SlackSpec;
  email?: EmailSpec;
}
/**
 * An HTTP address that takes a POST with JSON (docs/observability.md), signed as Standard Webhooks says.
 */
export interface WebhookSpec {
  /**
   * Its address, `https:` or `http:`.
   */
  url: Secret;
  /**
   * Headers to send with it.
   */
  headers?: {
    [k: string]: Secret;
  };
  /**
   * Key of the signature (HMAC-SHA256); `whsec_…` is taken as base64. Default: not signed.
   */
  secret?: Secret;
}
/**
 * An incoming webhook of Slack, or of what understands its format.
 */
export interface SlackSpec {
  /**
   * The webhook's address, normally `env('SLACK_URL')`: whoever has it can write.
   */
  url: Secret;
}
/**
 * Mail by SMTP.
 */
export interface EmailSpec {
  /**
   * The server as a URL, `smtp://user:password@host:587` (TLS where it offers it) or `smtps://user:password@host:465`.
   */
  smtp: Secret;
  /**
   * Sender, `name@host` or `Name <name@host>`.
   */
  from: string;
  /**
   * Recipients.
   */
  to: string | string[];
}
/**
 * Where programs of tasks run. Default: on the machine of the daemon.
 */
export interface RunnerSpec {
  kubernetes?: KubernetesSpec;
}
/**
 * Programs run as Jobs of a Kubernetes cluster.
 */
export interface KubernetesSpec {
  /**
   * Where Jobs are made. Default: the namespace of the kubeconfig's context, else `default`.
   */
  namespace?: string;
  /**
   * Path of a kubeconfig, relative to the project; normally `env('KUBECONFIG')`. Default: KUBECONFIG, else ~/.kube/config, else the service account of the pod that the daemon runs in.
   */
  kubeconfig?: Secret;
  /**
   * Context of the kubeconfig. Default: the one that it is set to.
   */
  context?: string;
  /**
   * Secret objects with the credentials of image registries.
   */
  imagePullSecrets?: string[];
  /**
   * The container image that programs run in. It needs the program, and `/bin/sh` for a shell line; nothing of mlops. A task may name its own.
   */
  image?: string;
  /**
   * When the image is pulled. Default: as Kubernetes decides, by the tag.
   */
  imagePullPolicy?: 'Always' | 'IfNotPresent' | 'Never';
  /**
   * Service account of the pods; with one they get its token. Default: none, and no token.
   */
  serviceAccount?: string;
  /**
   * Labels that a node must have.
   */
  nodeSelector?: {
    [k: string]: string;
  };
  /**
   * Taints of nodes that the pods bear.
   */
  tolerations?: TolerationSpec[];
  /**
   * The local queue of Kueue that lets the Job in. Default: none, it starts at once.
   */
  queue?: string;
  /**
   * Priority class of the pods.
   */
  priorityClass?: string;
  /**
   * Runtime class of the pods.
   */
  runtimeClass?: string;
  /**
   * What the cluster calls the devices that `resources.gpu` counts. Default `nvidia.com/gpu`.
   */
  gpuResource?: string;
  /**
   * Number of the account that programs run as; `image`: the one that the image names, which must not be root. Default 1000.
   */
  runAsUser?: number | 'image';
  /**
   * Environment variables from Secret objects that are in the namespace.
   */
  secretEnv?: {
    [k: string]: SecretKeySpec;
  };
  /**
   * Labels of Jobs and pods.
   */
  labels?: {
    [k: string]: string;
  };
  /**
   * Annotations of pods.
   */
  annotations?: {
    [k: string]: string;
  };
  /**
   * Jobs that one daemon looks after at once, beside the tasks of its machine. Default 100.
   */
  parallelism?: number;
  /**
   * How long a pod may wait for a node or for room in a quota, a queue of Kueue aside; then the attempt has crashed. Default `1h`.
   */
  startWithin?: Duration;
  /**
   * When the cluster removes a finished Job whose end no daemon came to see. Default `1d`.
   */
  keepFinished?: Duration;
}
export interface TeamSpec {
  /**
   * Tasks at once.
   */
  tasks?: number;
  /**
   * Cores.
   */
  cpu?: number;
  /**
   * Memory, e.g. `8Gi`.
   */
  memory?: Size;
  /**
   * Whole devices.
   */
  gpu?: number;
}
