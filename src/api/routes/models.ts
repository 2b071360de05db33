/** Models: versions registered, found, moved between stages; their artifacts as streams. */
import { MlopsError } from '../../lib/error.ts';
import { parseInstant } from '../../lib/instant.ts';
import type { JsonObject } from '../../lib/json.ts';
import { profileOf } from '../../serving/reference-profiles.ts';
import type { ArtifactStore } from '../../stores/artifacts.ts';
import {
  type Flavour,
  type ModelSignature,
  type ModelVersion,
  STAGES,
  type Stage,
  type VersionArtifact,
} from '../../stores/control/registry.ts';
import { checkProfile, PROFILE_FILE } from '../../stores/reference-profile.ts';
import type { ApiContext } from '../context.ts';
import { declareModel } from '../declare-model.ts';
import { type Call, json, PAGE_QUERY, pageOf, pageSchema, type Route } from '../route.ts';
import { STAGE_MOVE, VERSION } from '../shapes.ts';
import { stageMoveView, versionView } from '../views.ts';
import { modelView } from '../views-models.ts';
import { parseFilter, parseOrder } from './model-filter.ts';

const tag = 'models';
const UUID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i;

/** What a client leaves out is filled in: every version that has a signature has a whole one. */
const TENSORS = { type: 'array', items: { type: 'object' }, default: [] } as const;
const SIGNATURE = {
  type: ['object', 'null'],
  properties: {
    features: {
      type: 'array',
      items: { type: 'string' },
      default: [],
      description: 'Features in the order of the inputs.',
    },
    widths: {
      type: 'array',
      items: { type: 'integer', minimum: 1 },
      description:
        'How many input columns each feature fills; an embedding one for each number. Default: by its dtype.',
    },
    inputs: TENSORS,
    outputs: TENSORS,
    label: { type: ['string', 'null'], default: null },
    task: { enum: ['binary_classification', 'regression', 'other'], default: 'other' },
  },
} as const;

interface Registration {
  readonly name: string;
  readonly framework: string;
  readonly metrics?: Readonly<Record<string, number>>;
  readonly hyperparameters?: JsonObject;
  readonly artifacts?: readonly string[];
  readonly tags?: Readonly<Record<string, string>> | readonly string[];
  readonly lineage?: JsonObject;
  readonly signature?: ModelSignature | null;
  readonly description?: string | null;
  readonly flavour?: Flavour | null;
  readonly run_id?: string | null;
  readonly source?: string | null;
  readonly profile?: unknown;
}

export function modelRoutes({
  registry,
  registryStore,
  artifacts,
  catalog,
  state,
}: Pick<ApiContext, 'registry' | 'registryStore' | 'artifacts' | 'catalog' | 'state'>): readonly Route[] {
  const versionOf = (call: Call): Promise<ModelVersion> => {
    const id = call.params['id'] ?? '';
    if (!UUID.test(id))
      throw new MlopsError('MD201', {
        detail: `"${id}" is no id of a model version.`,
        hint: 'GET /api/v1/models lists them',
      });
    return registry.versionById(id);
  };

  return [
    {
      method: 'POST',
      path: '/api/v1/models',
      operationId: 'registerModel',
      summary:
        "Register a model's next version; the first registers the model, and records it as made here where no specs declare it.",
      tag,
      body: {
        type: 'object',
        required: ['name', 'framework'],
        properties: {
          name: { type: 'string', minLength: 1, maxLength: 63 },
          framework: { type: 'string', minLength: 1 },
          metrics: { type: 'object', additionalProperties: { type: 'number' } },
          hyperparameters: { type: 'object' },
          artifacts: {
            type: 'array',
            items: { type: 'string', minLength: 1 },
            description: 'URIs, or paths to upload with PUT.',
          },
          tags: {
            anyOf: [
              { type: 'object', additionalProperties: { type: 'string' } },
              { type: 'array', items: { type: 'string' } },
            ],
          },
          lineage: { type: 'object' },
          signature: SIGNATURE,
          flavour: {
            type: ['object', 'null'],
            additionalProperties: false,
            description: 'What it takes to load it with its framework.',
            properties: {
              version: { type: ['string', 'null'], default: null, description: 'Of the framework.' },
              python: { type: ['string', 'null'], default: null, description: 'Of Python.' },
              requirements: {
                type: 'array',
                items: { type: 'string', minLength: 1, maxLength: 1000 },
                maxItems: 2000,
                default: [],
                description: 'As pip reads them.',
              },
            },
          },
          run_id: { type: ['string', 'null'], maxLength: 250, description: 'The run that made it.' },
          source: { type: ['string', 'null'], maxLength: 4000, description: 'Where its files came from.' },
          description: { type: ['string', 'null'] },
          profile: {
            type: 'object',
            description: 'What it learned from (`mlops.profile/1`), stored as the artifact `profile.json`.',
          },
        },
      },
      answers: { 201: { description: 'The version, in development.', schema: VERSION } },
      handle: async ({ body, caller, header }) => {
        const { tags, artifacts: paths, run_id: runId = null, profile, ...asked } = body as Registration;
        const key = header('idempotency-key');
        const version = await registry.register(
          {
            ...asked,
            runId,
            artifacts: [...(paths ?? []).map(declaredArtifact), ...(await storedProfile(profile, artifacts))],
            tags: Array.isArray(tags)
              ? Object.fromEntries(tags.map((name: string) => [name, '']))
              : ((tags ?? {}) as Record<string, string>),
            ...(key !== undefined && { idempotencyKey: `http/${caller.who}/${key}` }),
          },
          caller.who,
        );
        await declareModel(version, { catalog, state, who: caller.who });
        return json(201, versionView(version), { location: `/api/v1/models/${version.id}` });
      },
    },
    {
      method: 'GET',
      path: '/api/v1/models',
      operationId: 'searchModels',
      summary: 'Versions of models, newest first.',
      tag,
      query: {
        ...PAGE_QUERY,
        name: { type: 'string' },
        stage: { enum: STAGES },
        framework: { type: 'string' },
        filter: {
          type: 'string',
          description:
            "Conditions joined by `and`: `name = 'x' and stage = 'production' and tags.team = 'y' and metrics.auc >= 0.8`; texts also by `!=`, `like`, `ilike`, `in`, `not in`.",
        },
        order: {
          type: 'string',
          description: 'E.g. `metrics.auc desc, version`. Default: the last registered first.',
        },
      },
      answers: { 200: { description: 'A page of versions.', schema: pageSchema(VERSION) } },
      handle: async ({ query }) => {
        const conditions = parseFilter((query['filter'] as string | undefined) ?? '');
        const page = await registry.search({
          ...conditions,
          order: parseOrder((query['order'] as string | undefined) ?? ''),
          ...pick(query, ['name', 'framework']),
          ...(query['stage'] !== undefined && { stage: query['stage'] as Stage }),
          limit: query['limit'] as number,
          cursor: query['cursor'] as string | undefined,
        });
        return json(200, { items: page.items.map(versionView), next_cursor: page.nextCursor });
      },
    },
    {
      method: 'GET',
      path: '/api/v1/models/{id}',
      operationId: 'getModel',
      summary: 'A version by its id, or a model by its name.',
      tag,
      answers: { 200: { description: 'The version; for a name, what there is of the model.' } },
      handle: async (call) => {
        const id = call.params['id'] ?? '';
        if (UUID.test(id)) return json(200, versionView(await registry.versionById(id)));
        const [model, production, staging] = await Promise.all([
          registry.model(id),
          registry.atStage(id, 'production'),
          registry.atStage(id, 'staging'),
        ]);
        return json(200, {
          ...modelView(model),
          production: production === undefined ? null : versionView(production),
          staging: staging === undefined ? null : versionView(staging),
        });
      },
    },
    {
      method: 'GET',
      path: '/api/v1/models/{name}/versions',
      operationId: 'listVersions',
      summary: "A model's versions, newest first.",
      tag,
      query: PAGE_QUERY,
      answers: { 200: { description: 'A page of versions.', schema: pageSchema(VERSION) } },
      handle: async ({ params, query }) => {
        const name = params['name'] ?? '';
        const page = await registry.search({
          name,
          limit: query['limit'] as number,
          cursor: query['cursor'] as string | undefined,
        });
        if (page.items.length === 0 && query['cursor'] === undefined) await registry.history(name);
        return json(200, { items: page.items.map(versionView), next_cursor: page.nextCursor });
      },
    },
    {
      method: 'GET',
      path: '/api/v1/models/{name}/history',
      operationId: 'modelHistory',
      summary: 'Every move between stages, newest first; with `at`, how the model stood then.',
      tag,
      query: { ...PAGE_QUERY, at: { type: 'string', description: 'ISO 8601; without a zone it is UTC.' } },
      answers: {
        200: {
          description: 'A page of moves, or `{at, production, staging, aliases, versions}`.',
          schema: pageSchema(STAGE_MOVE),
        },
      },
      handle: async ({ params, query }) => {
        const name = params['name'] ?? '';
        if (query['at'] !== undefined) {
          const at = instantOf(query['at'] as string);
          const [production, { staging, aliases, versions }] = await Promise.all([
            registry.productionAt(name, at),
            registry.standingAt(name, at),
          ]);
          return json(200, {
            at,
            production: production === undefined ? null : versionView(production),
            staging,
            aliases,
            versions,
          });
        }
        const moves = await registry.history(name);
        // Counted from the first move, so that a move made between two pages shifts nothing.
        const numbered = moves.map((move, index) => ({ move, key: String(1e9 - moves.length + index) }));
        const page = pageOf(numbered, ({ key }) => key, {
          limit: query['limit'] as number,
          cursor: query['cursor'] as string | undefined,
        });
        return json(200, { items: page.items.map(({ move }) => stageMoveView(move)), next_cursor: page.next_cursor });
      },
    },
    {
      method: 'PUT',
      path: '/api/v1/models/{id}/stage',
      operationId: 'moveModel',
      summary: "Move a version to a stage, into production through the model's gates.",
      tag,
      body: {
        type: 'object',
        required: ['stage'],
        properties: { stage: { enum: STAGES }, reason: { type: ['string', 'null'] } },
      },
      answers: { 200: { description: 'The version at its stage.', schema: VERSION } },
      handle: async (call) => {
        const { stage, reason } = call.body as { stage: Stage; reason?: string | null };
        const { id } = await versionOf(call);
        const moved = await registry.promote({ versionId: id, to: stage, reason: reason ?? null }, call.caller.who);
        return json(200, {
          ...versionView(moved.version),
          gates: moved.gates,
          archived: moved.archived?.version ?? null,
        });
      },
    },
    {
      method: 'GET',
      path: '/api/v1/models/{id}/profile',
      operationId: 'getProfile',
      summary: 'What a version learned from: its inputs and answers, frozen with it.',
      tag,
      answers: { 200: { description: 'The reference profile, `mlops.profile/1`.', schema: { type: 'object' } } },
      handle: async (call) => json(200, await profileOf(await versionOf(call), artifacts)),
    },
    {
      method: 'PUT',
      path: '/api/v1/models/{id}/artifacts/{path*}',
      operationId: 'putArtifact',
      summary: 'Upload an artifact of a version. `X-Checksum-Sha256`, where sent, must fit the bytes.',
      tag,
      takesStream: true,
      answers: { 201: { description: '`{path, digest, bytes}`.' } },
      handle: async (call) => {
        const version = await versionOf(call);
        const path = artifactPath(call.params['path'] ?? '');
        const stored = await artifacts.put(call.stream, call.header('x-checksum-sha256')?.toLowerCase());
        const artifact = await registryStore.addArtifact(version.id, { path, ...stored }, call.caller.who);
        return json(201, artifact, { etag: `"${stored.digest}"` });
      },
    },
    {
      method: 'GET',
      path: '/api/v1/models/{id}/artifacts/{path*}',
      operationId: 'getArtifact',
      summary: 'Download an artifact of a version.',
      tag,
      answers: { 200: { description: 'The bytes.', contentType: 'application/octet-stream' } },
      handle: async (call) => {
        const version = await versionOf(call);
        const path = artifactPath(call.params['path'] ?? '');
        const artifact = version.artifacts.find((candidate) => candidate.path === path);
        if (artifact?.digest == null) {
          throw new MlopsError('MD203', {
            detail: `Version ${version.version} of ${version.name} has no content at ${path}.`,
            hint:
              version.artifacts.length === 0
                ? undefined
                : `it has: ${version.artifacts.map((one) => one.path).join(', ')}`,
          });
        }
        const stored = await artifacts.has(artifact.digest);
        return {
          kind: 'stream',
          status: 200,
          contentType: 'application/octet-stream',
          stream: await artifacts.stream(artifact.digest),
          headers: {
            etag: `"${artifact.digest}"`,
            'x-checksum-sha256': artifact.digest,
            ...(stored !== undefined && { 'content-length': String(stored.bytes) }),
          },
        };
      },
    },
  ];
}

async function storedProfile(profile: unknown, artifacts: ArtifactStore): Promise<readonly VersionArtifact[]> {
  if (profile === undefined) return [];
  const stored = await artifacts.put(Buffer.from(JSON.stringify(checkProfile(profile))));
  return [{ path: PROFILE_FILE, uri: null, ...stored }];
}

/** `s3://bucket/model.onnx` is kept as a URI; `model.onnx` is a path whose content comes with PUT. */
function declaredArtifact(text: string): VersionArtifact {
  return /^[a-z][a-z0-9+.-]*:\/\//i.test(text)
    ? { path: text.slice(text.lastIndexOf('/') + 1) || text, digest: null, bytes: null, uri: text }
    : { path: artifactPath(text), digest: null, bytes: null, uri: null };
}

function artifactPath(text: string): string {
  const segments = text.split('/').filter((segment) => segment !== '' && segment !== '.');
  if (segments.length === 0 || segments.includes('..') || text.includes('\0') || text.length > 1024) {
    throw new MlopsError('API422', { detail: `"${text}" is no path of an artifact.` });
  }
  return segments.join('/');
}

function instantOf(text: string): Date {
  const at = parseInstant(text);
  if (at === undefined)
    throw new MlopsError('API400', { detail: `"${text}" is no time.`, hint: 'write it as 2026-01-31T12:00:00Z' });
  return at;
}

function pick(query: Readonly<Record<string, unknown>>, names: readonly string[]): Record<string, string> {
  return Object.fromEntries(
    names.flatMap((name) => (query[name] === undefined ? [] : [[name, query[name] as string]])),
  );
}
