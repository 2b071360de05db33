/** The reference profile of a model at training: its inputs over the rows that it learned from, its answers over those kept to measure by. */
import type { ModelSignature } from '../stores/control/registry.ts';
import { PROFILE_FORMAT, profileColumn, type ReferenceProfile } from '../stores/reference-profile.ts';
import type { RunnableModel } from './model-runtime.ts';
import { columnsAt, type TrainingSet } from './training-set.ts';

export async function freezeProfile(
  model: RunnableModel,
  set: TrainingSet,
  task: ModelSignature['task'],
): Promise<ReferenceProfile> {
  const rows = set.testRows.length > 0 ? set.testRows : set.trainRows;
  const { values } = await model.scores(columnsAt(set, rows), rows.length);
  const inputs = columnsAt(set, set.trainRows).map((column, at) => [
    set.features[at]!,
    profileColumn(column, set.dtypes[at]),
  ]);
  const name = task === 'binary_classification' ? 'probability' : 'value';
  return {
    format: PROFILE_FORMAT,
    inputs: Object.fromEntries(inputs),
    outputs: task === 'other' ? {} : { [name]: profileColumn(values) },
  };
}
