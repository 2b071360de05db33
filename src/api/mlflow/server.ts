/** What MLflow's clients ask of the server itself, and the refusal of what it does not have. */
import { MlopsError } from '../../lib/error.ts';
import { json, type Route } from '../route.ts';
import { mlflowRefusal } from './errors.ts';

export const serverRoutes: readonly Route[] = [
  {
    method: 'GET',
    path: '/api/3.0/mlflow/server-info',
    operationId: 'mlflowServerInfo',
    summary: "What this server can do of what MLflow's clients would ask it.",
    tag: 'mlflow',
    open: true,
    answers: { 200: { description: 'Flags, by name.' } },
    handle: async () =>
      json(200, {
        store_type: 'SqlStore',
        workspaces_enabled: false,
        trace_archival_enabled: false,
        multipart_uploads_enabled: false,
        multipart_downloads_enabled: false,
        presigned_upload_run_id_supported: false,
        presigned_upload_model_id_supported: false,
        features_enabled: { gateway: false },
      }),
  },
  ...(['2.0/mlflow', '3.0/mlflow', '2.0/mlflow-artifacts'] as const).flatMap((root, index) =>
    (['GET', 'POST', 'PATCH', 'DELETE'] as const).map(
      (method): Route => ({
        method,
        path: `/api/${root}/{path*}`,
        operationId: `mlflowUnknown${method}${index}`,
        summary: 'What MLflow has and the daemon does not: refused so that its clients understand.',
        tag: 'mlflow',
        refuse: mlflowRefusal,
        answers: { 404: { description: '`ENDPOINT_NOT_FOUND`.' } },
        handle: async (call) => {
          throw new MlopsError('API404', {
            detail: `There is no ${method} /api/${root}/${call.params['path'] ?? ''} here.`,
          });
        },
      }),
    ),
  ),
];
