/** MLflow's REST interface, so that its clients track and register here: see docs/mlflow.md. */
import type { ApiContext } from '../context.ts';
import { artifactRoutes } from '../mlflow/artifacts.ts';
import { experimentRoutes } from '../mlflow/experiments.ts';
import { loggedModelRoutes } from '../mlflow/logged-models.ts';
import { modelVersionRoutes } from '../mlflow/model-versions.ts';
import { registeredModelRoutes } from '../mlflow/registered-models.ts';
import { runRoutes } from '../mlflow/runs.ts';
import { serverRoutes } from '../mlflow/server.ts';
import type { Route } from '../route.ts';

export function mlflowRoutes(context: ApiContext): readonly Route[] {
  const { tracking } = context;
  return [
    ...experimentRoutes(tracking),
    ...runRoutes(tracking),
    ...loggedModelRoutes(tracking),
    ...artifactRoutes(context),
    ...registeredModelRoutes(context),
    ...modelVersionRoutes(context),
    ...serverRoutes,
  ];
}
