/** model_evaluation: the model trained upstream, on the test rows of its training set. */
import type { TrainedModel } from '../services.ts';
import { metricsLine } from './model-training.ts';
import type { Operator } from './operator.ts';
import { asOutputs, fromOutputs, nearestOf } from './upstream-outputs.ts';

export const modelEvaluation: Operator<'model_evaluation'> = async (task, context) => {
  const { task: trainedBy, outputs } = nearestOf('model_training', 'a trained model', context);
  const report = await context.services.evaluate(
    { model: fromOutputs<TrainedModel>(outputs), metrics: task.metrics ?? null },
    context,
  );
  context.log(`${report.rows} test rows: ${metricsLine(report.metrics)}`);
  return asOutputs({ ...report, trainedBy });
};
