/** What MLflow's clients ask of the server itself. */
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
    refuse: mlflowRefusal,
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
];
