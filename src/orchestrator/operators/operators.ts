/** Every operator by its name. A new one is a file here and a line in this table. */
import type { JsonObject } from '../../lib/json.ts';
import type { CanonicalTask } from '../../spec/canonical-specs.ts';
import { batchPrediction } from './batch-prediction.ts';
import { command } from './command.ts';
import { dataIngestion } from './data-ingestion.ts';
import { dataValidation } from './data-validation.ts';
import { deployment } from './deployment.ts';
import { featureMaterialization } from './feature-materialization.ts';
import { httpRequest } from './http-request.ts';
import { modelEvaluation } from './model-evaluation.ts';
import { modelPromotion } from './model-promotion.ts';
import { modelRegistration } from './model-registration.ts';
import { modelTraining } from './model-training.ts';
import { notify } from './notify.ts';
import type { OperatorContext, Operators } from './operator.ts';
import { python } from './python.ts';
import { runPipeline } from './run-pipeline.ts';
import { sqlQuery } from './sql-query.ts';
import { trainingDataset } from './training-dataset.ts';
import { typescript } from './typescript.ts';
import { waitFor } from './wait-for.ts';

const OPERATORS: Operators = {
  data_ingestion: dataIngestion,
  data_validation: dataValidation,
  sql_query: sqlQuery,
  feature_materialization: featureMaterialization,
  training_dataset: trainingDataset,
  model_training: modelTraining,
  model_evaluation: modelEvaluation,
  model_registration: modelRegistration,
  model_promotion: modelPromotion,
  batch_prediction: batchPrediction,
  deployment,
  command,
  python,
  typescript,
  http_request: httpRequest,
  wait_for: waitFor,
  run_pipeline: runPipeline,
  notify,
};

export function runOperator(task: CanonicalTask, context: OperatorContext): Promise<JsonObject> {
  // The table's type pairs each name with its task; TypeScript cannot follow that through an index.
  const operator = OPERATORS[task.operator] as (task: CanonicalTask, context: OperatorContext) => Promise<JsonObject>;
  return operator(task, context);
}
