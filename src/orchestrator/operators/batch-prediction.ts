/** batch_prediction: a version of a model over rows, whose answers are kept, and written where they are wanted. */
import type { TaskOf } from '../../spec/canonical-specs.ts';
import type { BatchPredictionRequest, QueryResult, TrainingDataset } from '../services.ts';
import type { Operator, OperatorContext } from './operator.ts';
import { registeredVersion } from './registered-version.ts';
import { asOutputs, fromOutputs, nearestOf } from './upstream-outputs.ts';

export const PREDICTIONS_FILE = 'predictions.parquet';

export const batchPrediction: Operator<'batch_prediction'> = async (task, context) => {
  const version = task.version ?? (task.stage === undefined ? registeredVersion(task.model, context) : undefined);
  const made = await context.services.predictBatch(
    {
      model: task.model,
      version: version ?? null,
      stage: task.stage ?? 'production',
      rows: rowsOf(task, context),
      missing: task.missing ?? 'leave_empty',
      batchRows: task.batchRows ?? 10_000,
      file: task.file ?? null,
      instant: context.instant,
      root: context.root,
    },
    context,
  );
  await context.keepArtifact(PREDICTIONS_FILE, made.artifact);
  const { result } = made;
  context.log(`version ${made.version} of ${made.model}: ${result.rows} rows (sha256 ${result.digest.slice(0, 12)})`);
  if (task.into === undefined) return asOutputs({ ...made, ...result });
  const into = await context.services.materialize(task.into, context, {
    found: [result],
    instant: context.instant,
    named: true,
  });
  context.log(`${task.into} v${into.version}: ${into.rowsWritten} written, ${into.onlineWritten} online`);
  return asOutputs({ ...made, ...result, into });
};

function rowsOf(task: TaskOf<'batch_prediction'>, context: OperatorContext): BatchPredictionRequest['rows'] {
  if (task.query !== undefined) return { query: task.query };
  if (task.source !== undefined) return { source: task.source };
  const nearest = context.ancestors.find((name) => {
    const operator = context.pipelineSpec.tasks[name]?.operator;
    return (operator === 'training_dataset' || operator === 'sql_query') && context.inputs[name] !== undefined;
  });
  const outputs = nearest === undefined ? undefined : context.inputs[nearest];
  if (outputs === undefined || nearest === undefined)
    return { dataset: fromOutputs<TrainingDataset>(nearestOf('training_dataset', 'rows to answer', context).outputs) };
  return context.pipelineSpec.tasks[nearest]?.operator === 'sql_query'
    ? { result: fromOutputs<QueryResult>(outputs) }
    : { dataset: fromOutputs<TrainingDataset>(outputs) };
}
