/** What a prediction is answered with. */
import type { JsonObject } from '../lib/json.ts';
import type { Prediction } from './prediction.ts';

export interface ServedModel {
  readonly name: string;
  readonly version: number;
}

export interface ServedBy {
  readonly variant: string;
  /** Null where members of an ensemble answered together, and no one of them alone. */
  readonly model: ServedModel | null;
}

/** What a member of an ensemble said of a row. */
export interface ToldMember {
  readonly member: string;
  readonly model: ServedModel | null;
  /** Null where it did not answer. */
  readonly prediction: Prediction | null;
  /** The code of why it did not. */
  readonly failure?: string;
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
  /** What the members of ensembles said, a list a row; null for a row that no ensemble answered. Absent where none did. */
  readonly members?: readonly (readonly ToldMember[] | null)[];
}
