/** What of models may change: labels and aliases; deletion; two versions side by side; everything that happened to a model. */
import { MlopsError } from '../../lib/error.ts';
import type { LabelEdit } from '../../stores/control/registry-labels.ts';
import type { ApiContext } from '../context.ts';
import { type JsonSchema, json, PAGE_QUERY, pageOf, pageSchema, type Route } from '../route.ts';
import { VERSION } from '../shapes.ts';
import { versionView } from '../views.ts';
import { comparisonView, historyLineView, modelView } from '../views-models.ts';

const tag = 'models';
const UUID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i;
const TEXT = { type: 'string' } as const;
const TEXT_OR_NULL = { type: ['string', 'null'] } as const;
const TIME = { type: 'string', format: 'date-time' } as const;
const DIFFERENCES = {
  type: 'array',
  items: { type: 'object', properties: { path: TEXT, from: {}, to: {} } },
} as const;

const MODEL: JsonSchema = {
  type: 'object',
  required: ['name', 'description', 'tags', 'aliases', 'versions', 'latest_version'],
  properties: {
    name: TEXT,
    description: TEXT_OR_NULL,
    tags: { type: 'object', additionalProperties: TEXT },
    aliases: { type: 'object', additionalProperties: { type: 'integer' }, description: 'Version by alias.' },
    versions: { type: 'integer' },
    latest_version: { type: 'integer' },
    created_at: TIME,
    updated_at: TIME,
  },
};

const COMPARISON: JsonSchema = {
  type: 'object',
  properties: {
    from: VERSION,
    to: VERSION,
    metrics: {
      type: 'array',
      items: {
        type: 'object',
        properties: {
          metric: TEXT,
          from: { type: ['number', 'null'] },
          to: { type: ['number', 'null'] },
          difference: { type: ['number', 'null'] },
          better: { enum: ['from', 'to', null] },
        },
      },
    },
    hyperparameters: DIFFERENCES,
    data: DIFFERENCES,
    features: {
      type: 'object',
      properties: {
        added: { type: 'array', items: TEXT },
        removed: { type: 'array', items: TEXT },
        reordered: { type: 'boolean' },
      },
    },
    signature: DIFFERENCES,
    lineage: DIFFERENCES,
    artifacts: DIFFERENCES,
    labels: DIFFERENCES,
  },
};

const HISTORY_LINE: JsonSchema = {
  type: 'object',
  required: ['kind', 'model', 'version', 'at', 'who'],
  properties: {
    kind: { enum: ['move', 'change'] },
    model: TEXT,
    version: { type: ['integer', 'null'] },
    at: TIME,
    who: TEXT,
    reason: TEXT_OR_NULL,
  },
};

const ALIASES = '/api/v1/models/{name}/aliases/{alias}';

export function modelLabelRoutes({ registry }: Pick<ApiContext, 'registry'>): readonly Route[] {
  return [
    {
      method: 'PUT',
      path: '/api/v1/models/{id}/labels',
      operationId: 'labelModel',
      summary:
        'Tags and description of a version by its id, or of a model by its name. What is not named stays; a tag that is null goes.',
      tag,
      body: {
        type: 'object',
        additionalProperties: false,
        properties: {
          tags: { type: 'object', additionalProperties: TEXT_OR_NULL },
          description: TEXT_OR_NULL,
        },
      },
      answers: { 200: { description: 'The version or the model as it is now.' } },
      handle: async ({ params, body, caller }) => {
        const id = params['id'] ?? '';
        const edit = body as LabelEdit;
        return json(
          200,
          UUID.test(id)
            ? versionView(await registry.labelVersion(id, edit, caller.who))
            : modelView(await registry.labelModel(id, edit, caller.who)),
        );
      },
    },
    {
      method: 'GET',
      path: ALIASES,
      operationId: 'getAlias',
      summary: 'The version that an alias names.',
      tag,
      answers: { 200: { description: 'The version.', schema: VERSION } },
      handle: async ({ params }) =>
        json(200, versionView(await registry.atAlias(params['name'] ?? '', params['alias'] ?? ''))),
    },
    {
      method: 'PUT',
      path: ALIASES,
      operationId: 'setAlias',
      summary: 'Let an alias name a version, whatever it named before.',
      tag,
      body: {
        type: 'object',
        required: ['version'],
        properties: { version: { type: 'integer', minimum: 1 } },
      },
      answers: { 200: { description: 'The model as it is now.', schema: MODEL } },
      handle: async ({ params, body, caller }) => {
        const { version } = body as { version: number };
        return json(
          200,
          modelView(await registry.setAlias(params['name'] ?? '', params['alias'] ?? '', version, caller.who)),
        );
      },
    },
    {
      method: 'DELETE',
      path: ALIASES,
      operationId: 'removeAlias',
      summary: 'Take an alias away.',
      tag,
      answers: { 200: { description: 'The model as it is now.', schema: MODEL } },
      handle: async ({ params, caller }) =>
        json(200, modelView(await registry.removeAlias(params['name'] ?? '', params['alias'] ?? '', caller.who))),
    },
    {
      method: 'GET',
      path: '/api/v1/models/{name}/compare',
      operationId: 'compareVersions',
      summary: 'What differs between two versions: metrics, parameters, data, features, signature, lineage.',
      tag,
      query: {
        from: { type: 'string', description: 'A number, `latest`, a stage or an alias.' },
        to: { type: 'string', description: 'As `from`. Default `latest`.' },
      },
      answers: { 200: { description: 'Both, and the differences.', schema: COMPARISON } },
      handle: async ({ params, query }) => {
        const name = params['name'] ?? '';
        if (query['from'] === undefined)
          throw new MlopsError('API400', { detail: 'Which version to compare is missing.', hint: '?from=1&to=2' });
        const [from, to] = await Promise.all([
          registry.find(name, query['from'] as string),
          registry.find(name, (query['to'] as string | undefined) ?? 'latest'),
        ]);
        return json(200, comparisonView(await registry.compare(name, from.version, to.version)));
      },
    },
    {
      method: 'GET',
      path: '/api/v1/models/{name}/timeline',
      operationId: 'modelTimeline',
      summary:
        'Every move between stages and every change of labels, aliases and versions that were deleted, newest first.',
      tag,
      query: PAGE_QUERY,
      answers: { 200: { description: 'A page of moves and changes.', schema: pageSchema(HISTORY_LINE) } },
      handle: async ({ params, query }) => {
        const lines = await registry.timeline(params['name'] ?? '');
        // Counted from the first line, so that one that comes between two pages shifts nothing.
        const numbered = lines.map((line, index) => ({ line, key: String(1e9 - lines.length + index) }));
        const page = pageOf(numbered, ({ key }) => key, {
          limit: query['limit'] as number,
          cursor: query['cursor'] as string | undefined,
        });
        return json(200, { items: page.items.map(({ line }) => historyLineView(line)), next_cursor: page.next_cursor });
      },
    },
    {
      method: 'GET',
      path: '/api/v1/models/{id}/card',
      operationId: 'modelCard',
      summary:
        'The card of a version by its id, or of a model by its name: Markdown, or HTML where `Accept` prefers it.',
      tag,
      query: {
        version: {
          type: 'string',
          description:
            'Of a model by its name: a number, `latest`, a stage or an alias. Default: the one in production, else the newest.',
        },
      },
      answers: { 200: { description: 'The card, as `text/markdown` or `text/html`.', contentType: 'text/markdown' } },
      handle: async ({ params, query, header }) => {
        const id = params['id'] ?? '';
        const asked = query['version'] as string | undefined;
        const version = UUID.test(id)
          ? await registry.versionById(id)
          : asked === undefined
            ? ((await registry.atStage(id, 'production')) ?? (await registry.find(id, 'latest')))
            : await registry.find(id, asked);
        const format = prefersHtml(header('accept')) ? 'html' : 'markdown';
        return {
          kind: 'text',
          status: 200,
          contentType: `text/${format}; charset=utf-8`,
          text: await registry.card(version, format),
        };
      },
    },
    {
      method: 'POST',
      path: '/api/v1/models/{name}/rollback',
      operationId: 'rollbackModel',
      summary: 'Put the version that was in production before back, past the gates it once passed.',
      tag,
      body: { type: 'object', properties: { reason: TEXT_OR_NULL } },
      answers: { 200: { description: 'The version in production now.', schema: VERSION } },
      handle: async ({ params, body, caller }) => {
        const { reason = null } = (body ?? {}) as { reason?: string | null };
        const { version, gates, archived } = await registry.rollback(params['name'] ?? '', caller.who, reason);
        return json(200, { ...versionView(version), gates, archived: archived?.version ?? null });
      },
    },
    {
      method: 'DELETE',
      path: '/api/v1/models/{id}',
      operationId: 'deleteModel',
      summary:
        'Delete a version by its id, or a model with its versions by its name, where nothing refers to it. Its history stays; its numbers are never given again.',
      tag,
      query: {
        reason: { type: 'string' },
        aliases: { type: 'boolean', default: false, description: 'Its aliases go with it.' },
        artifacts: {
          type: 'boolean',
          default: false,
          description: 'The content of its artifacts goes too, where nothing in this control store has it any more.',
        },
      },
      answers: {
        200: { description: '`{name, version, freed}`: which contents went; `version` is null for a model.' },
      },
      handle: async (call) => {
        const id = call.params['id'] ?? '';
        const deletion = {
          who: call.caller.who,
          reason: (call.query['reason'] as string | undefined) ?? null,
          withAliases: call.query['aliases'] === true,
          withArtifacts: call.query['artifacts'] === true,
        };
        if (!UUID.test(id)) {
          const { model, freed } = await registry.deleteModel(id, deletion);
          return json(200, { name: model.name, version: null, freed });
        }
        const { version, freed } = await registry.deleteVersion(id, deletion);
        return json(200, { name: version.name, version: version.version, freed });
      },
    },
  ];
}

/** Whichever of the two is named first, as browsers name HTML. */
function prefersHtml(accept = ''): boolean {
  return /text\/(html|markdown)/.exec(accept)?.[1] === 'html';
}
