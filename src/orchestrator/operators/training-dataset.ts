/** training_dataset: features joined to the spine, point in time. */
import type { Operator } from './operator.ts';
import { asOutputs } from './upstream-outputs.ts';

export const trainingDataset: Operator<'training_dataset'> = async (task, context) => {
  const dataset = await context.services.trainingDataset(task, context);
  context.log(
    `${dataset.rows} rows (${dataset.trainRows} to train, ${dataset.testRows} to test), ${dataset.features.length} features of ${dataset.service}`,
  );
  return asOutputs(dataset);
};
