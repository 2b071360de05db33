/** How grave a change is: the analyzer of its kind decides. */
import type { Kind } from '../spec/kinds.ts';
import type { Analysis, AnalysisContext, Analyzer } from './analyzers/analyzer.ts';
import { analyzeEndpoint } from './analyzers/endpoint.ts';
import { analyzeEntity } from './analyzers/entity.ts';
import { analyzeEnvironment } from './analyzers/environment.ts';
import { analyzeFeatureService } from './analyzers/feature-service.ts';
import { analyzeFeatureSet } from './analyzers/feature-set.ts';
import { analyzeModel } from './analyzers/model.ts';
import { analyzePipeline } from './analyzers/pipeline.ts';
import { analyzePolicy } from './analyzers/policy.ts';
import { analyzeSource } from './analyzers/source.ts';

const ANALYZERS: { readonly [K in Kind]: Analyzer<K> } = {
  source: analyzeSource,
  entity: analyzeEntity,
  feature_set: analyzeFeatureSet,
  feature_service: analyzeFeatureService,
  pipeline: analyzePipeline,
  model: analyzeModel,
  endpoint: analyzeEndpoint,
  policy: analyzePolicy,
  environment: analyzeEnvironment,
};

export function classify<K extends Kind>(kind: K, context: AnalysisContext<K>): Analysis {
  return ANALYZERS[kind](context);
}
