/** Rows answered by one version of a model. */
import type { JsonObject } from '../lib/json.ts';
import type { Catalog } from '../stores/control/catalog.ts';
import type { CompiledEndpoint } from './compiled-endpoint.ts';
import type { FeatureReader } from './feature-reader.ts';
import type { LoadedModel } from './loaded-model.ts';
import { jsonValue } from './logged-values.ts';
import { modelInputs } from './model-inputs.ts';
import type { RequestRow } from './predict-request.ts';
import { type Prediction, predictionsOf } from './prediction.ts';

/** Of one row. */
export interface ModelSaid {
  readonly prediction: Prediction;
  /** As the model got them. */
  readonly features: JsonObject;
  readonly reads: JsonObject;
}

export interface AnswerParts {
  readonly features: FeatureReader;
  readonly catalog: Catalog;
  readonly monotonicMs: () => number;
}

/** In the order of `positions`. EP203, EP204, EP206. */
export function answerRows(
  { spec, batching }: Pick<CompiledEndpoint, 'spec' | 'batching'>,
  loaded: LoadedModel,
  positions: readonly number[],
  rows: readonly RequestRow[],
  { features, catalog }: Pick<AnswerParts, 'features' | 'catalog'>,
  reader = `endpoint:${spec.name}`,
): Promise<readonly ModelSaid[]> {
  return loaded.use(async () => {
    const { columns, reads } = await modelInputs({
      loaded,
      rows: positions.map((position) => rows[position]!),
      positions,
      key: spec.key,
      reader,
      features,
      catalog,
    });
    const answer = await loaded.model.answer(columns, positions.length, batching);
    const predictions = predictionsOf(answer, loaded.task);
    return positions.map((_, row) => ({
      prediction: predictions[row]!,
      features: Object.fromEntries(loaded.features.map((feature, at) => [feature, jsonValue(columns[at]![row])])),
      reads: reads[row]!,
    }));
  });
}
