/**
 * What the builders take: the shapes generated from the schemas, with references where the schema has names and sql`…`
 * where it has a query. A name is accepted wherever a reference is.
 */

import type { DeclaredKind } from './kinds.ts';
import type * as written from './plan-json.ts';
import type { FeatureRef, Ref, SqlText } from './resource-value.ts';
import type {
  BatchPredictionTask,
  Combination,
  CommandTask,
  DataIngestionTask,
  DataValidationTask,
  DeploymentTask,
  Dtype,
  EndpointSpec,
  Ensemble,
  EntitySpec,
  EnvironmentSpec,
  Feature,
  FeatureMaterializationTask,
  FeatureServiceSpec,
  FeatureSetSpec,
  HttpRequestTask,
  Member,
  ModelEvaluationTask,
  ModelPromotionTask,
  ModelRegistrationTask,
  ModelSpec,
  ModelTrainingTask,
  NotifyTask,
  PipelineSpec,
  PolicySpec,
  ProjectSpec,
  PythonTask,
  Rollout,
  RoutingRule,
  RunPipelineTask,
  Shadow,
  SourceSpec,
  SqlQueryTask,
  Stacking,
  TrainingDatasetTask,
  Trigger,
  TypescriptTask,
  Variant,
  WaitForTask,
} from './schema-types.ts';
import type { TaskFunction } from './task-context.ts';

type Input<T> = T extends (infer Item)[]
  ? readonly Input<Item>[]
  : T extends object
    ? { readonly [P in keyof T]: Input<T[P]> }
    : T;

/** T without the fields of R, and these instead. */
type Replace<T, R> = Input<Omit<T, keyof R | 'name'>> & R;

export type SourceRef = Ref<'source'>;
export type EntityRef = Ref<'entity'>;
export type FeatureServiceRef = Ref<'feature_service'>;
export type PipelineRef = Ref<'pipeline'>;
export type ModelRef = Ref<'model'>;
export type EndpointRef = Ref<'endpoint'>;
export type PolicyRef = Ref<'policy'>;
/** Its features are its properties: `labs.bili`. */
export type FeatureSetRef<F extends string = never> = Ref<'feature_set'> & { readonly [P in F]: FeatureRef };
export type AnyRef = { [K in DeclaredKind]: Ref<K> }[DeclaredKind];

export type SqlInput = SqlText | string;
/** One text in DuckDB's dialect, or one for each store. */
export type QueryInput = SqlInput | { readonly duckdb?: SqlInput; readonly postgres?: SqlInput };

export type SourceInput = Replace<
  SourceSpec,
  { readonly query?: QueryInput; readonly columns?: Readonly<Record<string, SqlInput>> }
>;

export type EntityInput = Replace<EntitySpec, object>;

export type FeatureSetInput<F extends string> = Replace<
  FeatureSetSpec,
  {
    readonly entity: EntityRef | string;
    readonly source?: SourceRef | string;
    readonly query?: QueryInput;
    /** Name to feature, or to its dtype alone. */
    readonly features: Readonly<Record<F, Dtype | Input<Feature>>>;
  }
>;

export type FeatureServiceInput = Replace<
  FeatureServiceSpec,
  {
    /** A set for all its features, `set.feature` for one. */
    readonly features: readonly (Ref<'feature_set'> | FeatureRef | string)[];
  }
>;

interface Needs<T extends string> {
  /** Runs once for each item: of the list, of what the expression gives, or each row of the query. */
  readonly forEach?: readonly JsonItem[] | string | { readonly query: QueryInput };
  /** Tasks that come before. Default: none, or, where no task of the pipeline declares any, the task written before. */
  readonly needs?: readonly T[];
}

type JsonItem = string | number | boolean | object | null;

interface Sets {
  readonly featureSets?: readonly (Ref<'feature_set'> | string)[];
}

interface OfSource {
  readonly source?: SourceRef | string;
}

interface OfModel {
  readonly model?: ModelRef | string;
}

export type TaskInput<T extends string> =
  | Replace<DataIngestionTask, Needs<T> & OfSource>
  | Replace<DataValidationTask, Needs<T> & OfSource & Sets>
  | Replace<SqlQueryTask, Needs<T> & { readonly query: QueryInput; readonly into?: Ref<'feature_set'> | string }>
  | Replace<FeatureMaterializationTask, Needs<T> & Sets>
  | Replace<
      TrainingDatasetTask,
      Needs<T> & { readonly features?: FeatureServiceRef | string; readonly spine: QueryInput }
    >
  | Replace<ModelTrainingTask, Needs<T>>
  | Replace<ModelEvaluationTask, Needs<T> & OfModel>
  | Replace<ModelRegistrationTask, Needs<T> & OfModel>
  | Replace<ModelPromotionTask, Needs<T> & OfModel>
  | Replace<
      BatchPredictionTask,
      Needs<T> & OfModel & OfSource & { readonly query?: QueryInput; readonly into?: Ref<'feature_set'> | string }
    >
  | Replace<DeploymentTask, Needs<T> & OfModel & { readonly endpoint?: Ref<'endpoint'> | string }>
  | Replace<CommandTask, Needs<T>>
  | Replace<PythonTask, Needs<T>>
  | Replace<TypescriptTask, Needs<T> & { readonly run: TaskFunction | string }>
  | Replace<HttpRequestTask, Needs<T>>
  | Replace<WaitForTask, Needs<T> & { readonly query?: QueryInput; readonly pipeline?: PipelineRef | string }>
  | Replace<NotifyTask, Needs<T>>
  | Replace<RunPipelineTask, Needs<T> & { readonly pipeline: PipelineRef | string }>;

export type TriggerInput = Replace<
  Trigger,
  {
    readonly materialized?: Ref<'feature_set'> | string;
    readonly promoted?: ModelRef | string;
    readonly pipeline?: PipelineRef | string;
  }
>;

export type PipelineInput<T extends string> = Replace<
  PipelineSpec,
  {
    /** Name to task, in the order written. */
    readonly tasks: { readonly [P in T]: TaskInput<NoInfer<T>> };
    /** What else starts a run of it. Default: nothing. */
    readonly triggers?: readonly TriggerInput[];
  }
>;

export type ModelInput = Replace<
  ModelSpec,
  { readonly inputs?: FeatureServiceRef | string; readonly pipeline?: PipelineRef | string }
>;

type OfAModel<T> = Replace<T, { readonly model: ModelRef | string }>;

/** Several models that answer together. */
export interface EnsembleInput {
  /** Name to model. */
  readonly members: Readonly<Record<string, OfAModel<Member>>>;
  /** How their answers become one. */
  readonly combine:
    | Exclude<Ensemble['combine'], Combination>
    | Replace<Combination, { readonly stacking?: OfAModel<Stacking> }>;
}

export type EndpointInput<V extends string> = Replace<
  EndpointSpec,
  {
    /** Name to variant. */
    readonly variants: {
      readonly [P in V]: Replace<
        Variant,
        { readonly model?: ModelRef | string; readonly ensemble?: EnsembleInput; readonly fallback?: NoInfer<V> }
      >;
    };
    /** Variant to share of traffic in percent; must add up to 100. Default: all to the only variant. */
    readonly split?: { readonly [P in NoInfer<V>]?: number };
    /** How a new version comes to its traffic: step by step, each one judged by what it measured. */
    readonly rollout?: Replace<Rollout, { readonly candidate: NoInfer<V>; readonly baseline: NoInfer<V> }>;
    /** Which requests a variant gets before the split is asked. Default: none. */
    readonly rules?: readonly Replace<RoutingRule, { readonly name?: string; readonly variant: NoInfer<V> }>[];
    /** Name to a model that gets a copy of requests. */
    readonly shadows?: Readonly<Record<string, OfAModel<Shadow>>>;
  }
>;

/** A plan as its JSON has it. */
export type PlanJson = Input<written.PlanJson>;
export type PlanChange = Input<written.PlanChange>;
export type PlanFinding = Input<written.PlanFinding>;

/** A change, an address or a sentence; `{}` is a violation of which there is no more to say than the policy's message. */
export type PolicyViolation =
  | string
  | { readonly message?: string; readonly address?: string; readonly addresses?: readonly string[] };

export type PolicyInput = Replace<
  PolicySpec,
  {
    /**
     * Returns what violates the policy: changes as they stand in the plan, sentences, or both together. Nothing, or an empty
     * list: the plan is fine. It must be synchronous, and read nothing but the plan.
     */
    readonly check?: (plan: PlanJson) => readonly PolicyViolation[] | PolicyViolation | null | undefined;
  }
>;

export type ProjectInput = Replace<
  ProjectSpec,
  {
    /** Name to environment. Default: one, `dev`, with everything embedded. */
    readonly environments?: Readonly<Record<string, Input<EnvironmentSpec>>>;
    /** Resources. What they refer to comes along by itself. */
    readonly resources?: readonly AnyRef[];
  }
>;
