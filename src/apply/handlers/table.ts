/** The handler of each kind. A new kind is one file and one line here. */
import type { Kind } from '../../spec/kinds.ts';
import { endpointHandler } from './endpoint.ts';
import { entityHandler } from './entity.ts';
import { environmentHandler } from './environment.ts';
import { featureServiceHandler } from './feature-service.ts';
import { featureSetHandler } from './feature-set.ts';
import type { Handler } from './handler.ts';
import { modelHandler } from './model.ts';
import { pipelineHandler } from './pipeline.ts';
import { policyHandler } from './policy.ts';
import { sourceHandler } from './source.ts';

export const HANDLERS: { readonly [K in Kind]: Handler<K> } = {
  source: sourceHandler,
  entity: entityHandler,
  feature_set: featureSetHandler,
  feature_service: featureServiceHandler,
  pipeline: pipelineHandler,
  model: modelHandler,
  endpoint: endpointHandler,
  policy: policyHandler,
  environment: environmentHandler,
};
