/** The one door for mlops.config.ts: `import { defineConfig, … } from 'mlops'`. */
export type {
  AnyRef,
  EndpointInput,
  EndpointRef,
  EntityInput,
  EntityRef,
  FeatureServiceInput,
  FeatureServiceRef,
  FeatureSetInput,
  FeatureSetRef,
  ModelInput,
  ModelRef,
  PipelineInput,
  PipelineRef,
  PlanChange,
  PlanFinding,
  PlanJson,
  PolicyInput,
  PolicyRef,
  PolicyViolation,
  ProjectInput,
  SourceInput,
  SourceRef,
  SqlInput,
  TaskInput,
} from './spec/builder-inputs.ts';
export {
  defineConfig,
  endpoint,
  entity,
  env,
  expr,
  featureService,
  featureSet,
  model,
  pipeline,
  policy,
  source,
} from './spec/builders.ts';
export type { FeatureRef, ProjectValue, SqlText } from './spec/resource-value.ts';
export type { Dtype, EnvRef, KeyType } from './spec/schema-types.ts';
export { type SqlValue, sql } from './spec/sql-tag.ts';
export type { TaskContext, TaskFunction } from './spec/task-context.ts';
