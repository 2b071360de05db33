/** The one door for mlops.config.ts: `import { defineConfig, … } from 'mlops'`. */
export type {
  AnyRef,
  EndpointRef,
  EntityRef,
  FeatureServiceRef,
  FeatureSetRef,
  ModelRef,
  PipelineRef,
  SourceRef,
} from './spec/builder-inputs.ts';
export {
  defineConfig,
  endpoint,
  entity,
  env,
  featureService,
  featureSet,
  model,
  pipeline,
  source,
} from './spec/builders.ts';
export type { FeatureRef, ProjectValue, SqlText } from './spec/resource-value.ts';
export { sql } from './spec/sql-tag.ts';
