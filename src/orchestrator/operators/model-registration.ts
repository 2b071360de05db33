/** model_registration: the model trained upstream becomes the next version, with what evaluations of it measured. */
import type { RegisteredVersion, TrainedModel } from '../services.ts';
import type { Operator, OperatorContext } from './operator.ts';
import { asOutputs, fromOutputs, nearestOf, upstreamOf } from './upstream-outputs.ts';

interface Evaluation {
  readonly metrics: Readonly<Record<string, number>>;
  readonly trainedBy: string;
}

export interface Registration extends RegisteredVersion {
  readonly metrics: Readonly<Record<string, number>>;
}

export const modelRegistration: Operator<'model_registration'> = async (task, context) => {
  const { task: trainedBy, outputs } = nearestOf('model_training', 'a trained model', context);
  const trained = fromOutputs<TrainedModel>(outputs);
  const metrics = { ...trained.metrics, ...measuredOf(trainedBy, context) };
  const version = await context.services.register(
    {
      model: task.model,
      trained,
      metrics,
      codeDigest: codeDigestOf(trainedBy, context),
      gitCommit: context.gitCommit,
    },
    context,
  );
  context.log(`${version.model} version ${version.version} registered`);
  return asOutputs({ ...version, metrics });
};

/** Where several evaluations measured the same, the nearest counts. */
function measuredOf(trainedBy: string, context: OperatorContext): Readonly<Record<string, number>> {
  const metrics: Record<string, number> = {};
  for (const { outputs } of [...upstreamOf('model_evaluation', context)].reverse()) {
    const evaluation = fromOutputs<Evaluation>(outputs);
    if (evaluation.trainedBy === trainedBy) Object.assign(metrics, evaluation.metrics);
  }
  return metrics;
}

function codeDigestOf(task: string, context: OperatorContext): string | null {
  const spec = context.pipelineSpec.tasks[task];
  return spec?.operator === 'model_training' ? (spec.bundle?.digest ?? null) : null;
}
