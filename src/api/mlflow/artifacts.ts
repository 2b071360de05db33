/** Files of runs and models through the daemon, as MLflow's clients send and fetch them: as streams, whatever their size. */
import { basename } from 'node:path/posix';
import { pathOfUri, type TrackedFiles, trackedFiles } from '../../tracking/files.ts';
import type { ApiContext } from '../context.ts';
import { type Answer, type Call, json, type Route } from '../route.ts';
import { badValue, mlflowRefusal } from './errors.ts';
import { knownModel } from './logged-models.ts';
import { askedOf } from './request.ts';
import { mlflowRoute } from './route.ts';
import { runIdOf, runWith } from './runs.ts';
import { withVersionFiles } from './version-files.ts';

const FILES = '/api/2.0/mlflow-artifacts/artifacts';

export function artifactRoutes(
  context: Pick<ApiContext, 'tracking' | 'artifacts' | 'registryStore'>,
): readonly Route[] {
  const { tracking } = context;
  const files = (): TrackedFiles => withVersionFiles(trackedFiles(tracking.store, context.artifacts), context);
  const shared = { tag: 'mlflow', refuse: mlflowRefusal } as const;
  const listing = async (folder: string, under: string) => {
    const entries = await files().list(folder);
    return entries.length === 0
      ? {}
      : {
          files: entries.map(({ name, bytes }) => ({
            path: `${under}${name}`,
            is_dir: bytes === null,
            ...(bytes !== null && { file_size: bytes }),
          })),
        };
  };
  const download = async (path: string): Promise<Answer> => {
    const { file, content } = await files().open(path);
    return {
      kind: 'stream',
      status: 200,
      contentType: 'application/octet-stream',
      stream: content,
      headers: {
        'content-length': String(file.bytes),
        // Never shown as a page of this origin.
        'content-disposition': `attachment; filename*=UTF-8''${encodeURIComponent(basename(file.path))}`,
        'x-content-type-options': 'nosniff',
        etag: `"${file.digest}"`,
      },
    };
  };

  return [
    {
      ...shared,
      method: 'PUT',
      path: `${FILES}/{path*}`,
      operationId: 'mlflowUploadArtifact',
      summary: 'Upload a file.',
      takesStream: true,
      answers: { 200: { description: '`{}`.' } },
      handle: async (call) => {
        await files().put(pathIn(call), call.stream);
        return json(200, {});
      },
    },
    {
      ...shared,
      method: 'GET',
      path: `${FILES}/{path*}`,
      operationId: 'mlflowDownloadArtifact',
      summary: 'Download a file.',
      answers: { 200: { description: 'The bytes.', contentType: 'application/octet-stream' } },
      handle: (call) => download(pathIn(call)),
    },
    {
      ...shared,
      method: 'DELETE',
      path: `${FILES}/{path*}`,
      operationId: 'mlflowDeleteArtifact',
      summary: 'Forget a file, or all below a folder.',
      answers: { 200: { description: '`{}`.' } },
      handle: async (call) => {
        await files().forget(pathIn(call));
        return json(200, {});
      },
    },
    {
      ...shared,
      method: 'GET',
      path: FILES,
      operationId: 'mlflowListStoredArtifacts',
      summary: 'What lies in a folder.',
      answers: { 200: { description: '`{files}`, by name.' } },
      handle: async (call) => json(200, await listing(askedOf(call, 'GET').text('path') ?? '', '')),
    },
    mlflowRoute('GET', 'artifacts/list', 'What lies in a folder of a run.', async (asked) => {
      const { artifactUri } = await runWith(tracking, runIdOf(asked));
      const path = asked.text('path');
      return { root_uri: artifactUri, ...(await listingBelow(artifactUri, path)) };
    }),
    {
      ...shared,
      method: 'GET',
      path: '/get-artifact',
      operationId: 'mlflowGetArtifact',
      summary: 'Download a file of a run.',
      answers: { 200: { description: 'The bytes.', contentType: 'application/octet-stream' } },
      handle: async (call) => {
        const asked = askedOf(call, 'GET');
        const { artifactUri } = await runWith(tracking, runIdOf(asked));
        return download(`${rootOf(artifactUri)}/${asked.required('path')}`);
      },
    },
    mlflowRoute(
      'GET',
      'logged-models/{model_id}/artifacts/directories',
      'What lies in a folder of a logged model.',
      async (asked) => {
        const model = await knownModel(tracking, asked.required('model_id'));
        return {
          root_uri: model.artifactUri,
          ...(await listingBelow(model.artifactUri, asked.text('artifact_directory_path'))),
        };
      },
    ),
    {
      ...shared,
      method: 'GET',
      path: '/api/2.0/mlflow/logged-models/{model_id}/artifacts/files',
      operationId: 'mlflowGetLoggedModelArtifact',
      summary: 'Download a file of a logged model.',
      answers: { 200: { description: 'The bytes.', contentType: 'application/octet-stream' } },
      handle: async (call) => {
        const asked = askedOf(call, 'GET');
        const model = await knownModel(tracking, asked.required('model_id'));
        return download(`${rootOf(model.artifactUri)}/${asked.required('artifact_file_path')}`);
      },
    },
  ];

  async function listingBelow(uri: string, path: string | undefined) {
    const root = rootOf(uri);
    return listing(
      path === undefined ? root : `${root}/${path}`,
      path === undefined ? '' : `${path.replace(/\/+$/, '')}/`,
    );
  }
}

const pathIn = (call: Call): string => call.params['path'] ?? '';

function rootOf(uri: string): string {
  const path = pathOfUri(uri);
  if (path === undefined) throw badValue(`The files lie at ${uri}, which the client reads itself.`);
  return path;
}
