/** All routes of the HTTP interface. */
import { KINDS } from '../spec/kinds.ts';
import { schemaOf } from '../spec/schemas.ts';
import type { ApiContext } from './context.ts';
import type { Route } from './route.ts';
import { backfillRoutes } from './routes/backfills.ts';
import { endpointRoutes } from './routes/endpoints.ts';
import { eventRoutes } from './routes/events.ts';
import { experimentViewRoutes } from './routes/experiments.ts';
import { feastRoutes } from './routes/feast.ts';
import { featureQualityRoutes } from './routes/feature-quality.ts';
import { featureSetRoutes } from './routes/feature-sets.ts';
import { healthRoutes } from './routes/health.ts';
import { inferenceRoutes } from './routes/inference.ts';
import { metricsRoutes } from './routes/metrics.ts';
import { mlflowRoutes } from './routes/mlflow.ts';
import { modelLabelRoutes } from './routes/model-labels.ts';
import { modelRoutes } from './routes/models.ts';
import { notificationRoutes } from './routes/notifications.ts';
import { onlineFeatureRoutes } from './routes/online-features.ts';
import { pipelineRoutes } from './routes/pipelines.ts';
import { poolRoutes } from './routes/pools.ts';
import { predictionRoutes } from './routes/predictions.ts';
import { pushedRowRoutes } from './routes/pushed-rows.ts';
import { resultRoutes } from './routes/results.ts';
import { rolloutRoutes } from './routes/rollouts.ts';
import { runArtifactRoutes } from './routes/run-artifacts.ts';
import { runLogRoutes } from './routes/run-logs.ts';
import { runRoutes } from './routes/runs.ts';
import { trainingDataRoutes } from './routes/training-data.ts';
import { trainingSetRoutes } from './routes/training-sets.ts';
import { verificationRoutes } from './routes/verification.ts';
import { webhookRoutes } from './routes/webhooks.ts';

export function allRoutes(context: ApiContext): readonly Route[] {
  const routes: readonly Route[] = [
    ...modelRoutes(context),
    ...modelLabelRoutes(context),
    ...experimentViewRoutes(context),
    ...pipelineRoutes(context),
    ...runRoutes(context),
    ...runLogRoutes(context),
    ...runArtifactRoutes(context),
    ...eventRoutes(context),
    ...poolRoutes(context),
    ...backfillRoutes(context),
    ...notificationRoutes(context),
    ...webhookRoutes(context),
    ...featureSetRoutes(context),
    ...featureQualityRoutes(context),
    ...onlineFeatureRoutes(context),
    ...pushedRowRoutes(context),
    ...trainingDataRoutes(context),
    ...trainingSetRoutes(context),
    ...verificationRoutes(context),
    ...feastRoutes(context),
    ...mlflowRoutes(context),
    ...endpointRoutes(context),
    ...inferenceRoutes(context),
    ...predictionRoutes(context),
    ...rolloutRoutes(context),
    ...resultRoutes(context),
    ...metricsRoutes(context),
    ...healthRoutes(context, {
      routes: () => routes,
      specSchemas: () =>
        Object.fromEntries(
          [...KINDS, 'project' as const, 'common' as const].map((name) => [`${name}.schema.json`, schemaOf(name)]),
        ),
    }),
  ];
  return routes;
}
