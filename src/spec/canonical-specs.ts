/**
 * The canonical form of each kind: what TypeScript and YAML both load to, what the plan compares and the state records.
 * References are names, short forms are written out, what follows from the project (the order of tasks, an operator's
 * only possible operand, all features of a set) is explicit.
 */
import type { Kind } from './kinds.ts';
import type {
  BatchPredictionTask,
  CommandTask,
  DataIngestionTask,
  DataValidationTask,
  DeploymentTask,
  EndpointSpec,
  EntitySpec,
  EnvironmentSpec,
  Feature,
  FeatureMaterializationTask,
  FeatureServiceSpec,
  FeatureSetSpec,
  HttpRequestTask,
  ModelEvaluationTask,
  ModelPromotionTask,
  ModelRegistrationTask,
  ModelSpec,
  ModelTrainingTask,
  NotifyTask,
  PipelineSpec,
  PolicySpec,
  PythonTask,
  RunPipelineTask,
  SourceSpec,
  SqlQueryTask,
  TrainingDatasetTask,
  TypescriptTask,
  Variant,
  WaitForTask,
} from './schema-types.ts';

type With<T, K extends keyof T> = T & { readonly [P in K]-?: NonNullable<T[P]> };

/** Files that a task's process finds in its working directory, content-addressed. */
export interface CodeBundle {
  /** SHA-256 of the canonical form of `files`. */
  readonly digest: string;
  /** Path relative to the project root → SHA-256 of the content. */
  readonly files: Readonly<Record<string, string>>;
}

/** Upstream tasks are always written out. */
interface Placed {
  readonly needs: string[];
}

export type CanonicalTask =
  | (With<DataIngestionTask, 'source'> & Placed)
  | (With<DataValidationTask, 'featureSets'> & Placed)
  | (SqlQueryTask & Placed)
  | (With<FeatureMaterializationTask, 'featureSets'> & Placed)
  | (With<TrainingDatasetTask, 'features'> & Placed)
  | (ModelTrainingTask & Placed & { readonly bundle?: CodeBundle })
  | (ModelEvaluationTask & Placed)
  | (With<ModelRegistrationTask, 'model'> & Placed)
  | (With<ModelPromotionTask, 'model'> & Placed)
  | (With<BatchPredictionTask, 'model'> & Placed)
  | (With<DeploymentTask, 'endpoint' | 'variant' | 'model'> & Placed)
  | (CommandTask & Placed & { readonly bundle?: CodeBundle })
  | (PythonTask & Placed & { readonly bundle?: CodeBundle })
  /** `run` is `MODULE#EXPORT`, the module in the bundle. */
  | (TypescriptTask & Placed & { readonly bundle?: CodeBundle })
  | (HttpRequestTask & Placed)
  | (WaitForTask & Placed)
  | (RunPipelineTask & Placed)
  | (NotifyTask & Placed);

export type OperatorName = CanonicalTask['operator'];
export type TaskOf<O extends OperatorName> = Extract<CanonicalTask, { operator: O }>;

export type CanonicalSource = SourceSpec;
export type CanonicalEntity = EntitySpec;
export type CanonicalFeatureSet = Omit<FeatureSetSpec, 'features'> & {
  readonly features: Readonly<Record<string, Feature>>;
};
/** Every feature as `set.feature`, in order. */
export type CanonicalFeatureService = FeatureServiceSpec;
export type CanonicalPipeline = Omit<PipelineSpec, 'tasks'> & {
  readonly tasks: Readonly<Record<string, CanonicalTask>>;
};
export type CanonicalModel = ModelSpec;
/** One model, with a stage or a version; or an ensemble, whose models have one each. */
export type CanonicalVariant =
  | (With<Variant, 'model'> & { readonly ensemble?: undefined })
  | (With<Variant, 'ensemble'> & {
      readonly model?: undefined;
      readonly stage?: undefined;
      readonly version?: undefined;
    });
/** `key` and `split` are always present; every model that it names (endpoint-models.ts) has a stage or a version. */
export type CanonicalEndpoint = Omit<With<EndpointSpec, 'key' | 'split'>, 'variants'> & {
  readonly variants: Readonly<Record<string, CanonicalVariant>>;
};
/** `check` is the function's text. */
export type CanonicalPolicy = PolicySpec;

/** What an environment says beside where it keeps things and listens: see environment-resource.ts. `resources` are its daemon's. */
export type CanonicalEnvironment = Pick<
  EnvironmentSpec,
  | 'pools'
  | 'teams'
  | 'runner'
  | 'notifications'
  | 'notify'
  | 'telemetry'
  | 'retention'
  | 'artifacts'
  | 'snapshots'
  | 'answerLog'
  | 'serving'
> &
  CommonFields & {
    readonly name: string;
    readonly resources?: NonNullable<EnvironmentSpec['daemon']>['resources'];
  };

export interface CanonicalSpecs {
  readonly source: CanonicalSource;
  readonly entity: CanonicalEntity;
  readonly feature_set: CanonicalFeatureSet;
  readonly feature_service: CanonicalFeatureService;
  readonly pipeline: CanonicalPipeline;
  readonly model: CanonicalModel;
  readonly endpoint: CanonicalEndpoint;
  readonly policy: CanonicalPolicy;
  readonly environment: CanonicalEnvironment;
}

export type CanonicalSpec = CanonicalSpecs[Kind];

/** Fields that every kind has. */
export type CommonFields = Pick<EntitySpec, 'description' | 'owner' | 'tags' | 'protect' | 'movedFrom' | 'suppress'>;
