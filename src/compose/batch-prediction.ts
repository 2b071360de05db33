/** Rows from the feature store, answers from the model: what a batch_prediction task asks of both. */
import type { Features } from '../features/create-features.ts';
import type { ScoredRow } from '../features/scoring.ts';
import type { BatchPrediction, BatchPredictionRequest, CallContext } from '../orchestrator/services.ts';
import type { BatchPredictor } from '../serving/batch-prediction.ts';
import type { Prediction } from '../serving/prediction.ts';

export async function predictBatch(
  predictor: BatchPredictor,
  features: Features,
  request: BatchPredictionRequest,
  context: CallContext,
): Promise<BatchPrediction> {
  const { model, stage, missing, batchRows, root, instant } = request;
  const open = await predictor.open({ model, version: request.version ?? undefined, stage });
  try {
    const { version } = open;
    let first = 0;
    const scored = await features.score(
      {
        rows: request.rows,
        features: open.features,
        reads: open.reads,
        instant: BigInt(instant.getTime()) * 1000n,
        batchRows,
        pipeline: context.pipeline,
        task: context.task,
        version: { model: version.name, version: version.version },
        file: request.file ?? undefined,
        root,
      },
      async ({ columns, rows }) => {
        const answers = await open.answer(columns, rows, { first, mustAnswer: missing === 'fail' });
        first += rows;
        context.progress?.({ what: `${first} rows answered`, done: first, total: null, etaSeconds: null });
        return answers.map((answer) => answer && scoredRow(answer));
      },
      context,
    );
    return {
      model: version.name,
      version: version.version,
      versionId: version.id,
      unanswered: scored.unanswered,
      result: scored.result,
      artifact: scored.artifact,
      file: request.file,
      featureSetVersions: scored.featureSetVersions,
    };
  } finally {
    open.close();
  }
}

function scoredRow({ label, probability, value, values }: Prediction): ScoredRow {
  const prediction = (value ?? label) as number | string | undefined;
  return {
    ...(prediction !== undefined && { prediction }),
    ...(probability !== undefined && { probability: probability as number }),
    ...(values !== undefined && { values: values as readonly number[] }),
  };
}
