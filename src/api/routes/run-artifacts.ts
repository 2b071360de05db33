/** Files that tasks of runs left. */
import { MlopsError } from '../../lib/error.ts';
import type { ApiContext } from '../context.ts';
import { json, type Route } from '../route.ts';
import { runOf } from '../run-of.ts';

const tag = 'runs';

export function runArtifactRoutes({
  orchestrator,
  runFiles,
}: Pick<ApiContext, 'orchestrator' | 'runFiles'>): readonly Route[] {
  return [
    {
      method: 'GET',
      path: '/api/v1/runs/{id}/artifacts',
      operationId: 'listRunArtifacts',
      summary: 'Files that the tasks of a run left.',
      tag,
      answers: { 200: { description: '`{items: [{task, path, digest, bytes}]}`.' } },
      handle: async (call) =>
        json(200, { items: await orchestrator.artifacts((await runOf(orchestrator, call)).runId) }),
    },
    {
      method: 'GET',
      path: '/api/v1/runs/{id}/tasks/{task}/artifacts/{path*}',
      operationId: 'getRunArtifact',
      summary: 'Download a file that a task left.',
      tag,
      answers: { 200: { description: 'The bytes.', contentType: 'application/octet-stream' } },
      handle: async (call) => {
        const { runId } = await runOf(orchestrator, call);
        const { task = '', path = '' } = call.params;
        const found = (await orchestrator.artifacts(runId, [task])).find((artifact) => artifact.path === path);
        if (found === undefined)
          throw new MlopsError('PL202', {
            detail: `The task "${task}" of run ${runId} left no file ${path}.`,
            hint: `GET /api/v1/runs/${runId}/artifacts lists them`,
          });
        return {
          kind: 'stream',
          status: 200,
          contentType: 'application/octet-stream',
          stream: await runFiles.stream(found.digest),
          headers: {
            etag: `"${found.digest}"`,
            'x-checksum-sha256': found.digest,
            'content-length': String(found.bytes),
          },
        };
      },
    },
  ];
}
