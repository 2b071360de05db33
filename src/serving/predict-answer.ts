/** What a prediction is answered with. */
import type { JsonObject } from '../lib/json.ts';
import type { Prediction } from './prediction.ts';

export interface ServedBy {
  readonly variant: string;
  readonly model: { readonly name: string; readonly version: number };
}

/** As the HTTP interface answers it, name by name. */
export interface PredictAnswer extends ServedBy {
  readonly request_id: string;
  /** One a row, in the order of the request. */
  readonly predictions: readonly Prediction[];
  /** What the model got, by `set.feature`, one a row. */
  readonly features: readonly JsonObject[];
  /** Who answered each row, where it was not one for all; `model` and `variant` are then those of the first. */
  readonly served_by?: readonly ServedBy[];
}
