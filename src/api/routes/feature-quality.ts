/** What is known of feature sets beyond what they are: statistics, quality, checks, rows kept aside, use; and the catalogue. */
import { CATALOGUE_KINDS, type CatalogueKind, searchCatalogue } from '../../features/catalogue.ts';
import { timeMicros } from '../../features/time.ts';
import { MlopsError } from '../../lib/error.ts';
import type { ApiContext } from '../context.ts';
import { type Call, json, PAGE_QUERY, pageOf, pageSchema, type Route } from '../route.ts';
import { checkView, heldView, insightView, statisticsView } from '../views-quality.ts';

const tag = 'features';
const OBJECT = { type: 'object' } as const;
const IDS = {
  type: 'object',
  additionalProperties: false,
  properties: {
    ids: {
      type: 'array',
      minItems: 1,
      maxItems: 10_000,
      items: { type: 'integer' },
      description: 'Default: all of the set.',
    },
  },
} as const;

export function featureQualityRoutes({
  features,
  catalog,
}: Pick<ApiContext, 'features' | 'catalog'>): readonly Route[] {
  const page = ({ query }: Call) => ({
    limit: query['limit'] as number,
    cursor: query['cursor'] as string | undefined,
  });
  const nameOf = ({ params }: Call): string => params['name'] ?? '';

  return [
    {
      method: 'GET',
      path: '/api/v1/feature-sets/{name}/statistics',
      operationId: 'featureStatistics',
      summary:
        'Statistics of a set, the newest first: of each materialization (`batch`) or of all rows (`version`); or of the rows between two event times, now.',
      tag,
      query: {
        kind: { enum: ['version', 'batch'], default: 'version' },
        version: { type: 'integer', minimum: 1, description: 'Default: the newest that serves.' },
        feature: { type: 'string', description: 'Only this feature.' },
        from: { type: 'string', description: 'Event time, ISO 8601, inclusive.' },
        to: { type: 'string', description: 'Event time, ISO 8601, exclusive.' },
        limit: { type: 'integer', minimum: 1, maximum: 500, default: 2 },
      },
      answers: { 200: { description: 'The statistics.', schema: { type: 'object', required: ['items'] } } },
      handle: async (call) => {
        const { query, signal } = call;
        const from = timeMicros(query['from'] as string | undefined, 'from');
        const until = timeMicros(query['to'] as string | undefined, 'to');
        const found = await features.statistics(
          nameOf(call),
          {
            kind: query['kind'] as 'version' | 'batch',
            version: query['version'] as number | undefined,
            limit: query['limit'] as number,
            ...(from === null && until === null ? {} : { window: { from, until } }),
          },
          { signal, log: () => {} },
        );
        return json(200, { items: found.map((item) => statisticsView(item, query['feature'] as string | undefined)) });
      },
    },
    {
      method: 'GET',
      path: '/api/v1/feature-sets/{name}/quality',
      operationId: 'featureQuality',
      summary:
        'The quality score of a set with its parts, freshness, and of each feature where it comes from and who reads it.',
      tag,
      answers: { 200: { description: 'The quality.', schema: OBJECT } },
      handle: async (call) => {
        const [found] = await features.insights(nameOf(call));
        return json(200, found === undefined ? {} : insightView(found));
      },
    },
    {
      method: 'GET',
      path: '/api/v1/feature-sets/{name}/checks',
      operationId: 'featureChecks',
      summary: 'What checks of the expectations of a set found, the newest first.',
      tag,
      query: { limit: { type: 'integer', minimum: 1, maximum: 500, default: 20 } },
      answers: { 200: { description: 'The checks.', schema: { type: 'object', required: ['items'] } } },
      handle: async (call) =>
        json(200, { items: (await features.checks(nameOf(call), call.query['limit'] as number)).map(checkView) }),
    },
    {
      method: 'GET',
      path: '/api/v1/feature-sets/{name}/quarantine',
      operationId: 'listQuarantine',
      summary: 'Rows of a set that are kept aside because they break an expectation, in the order in which they came.',
      tag,
      query: PAGE_QUERY,
      answers: { 200: { description: 'A page of rows.', schema: pageSchema(OBJECT) } },
      handle: async (call) => {
        const { limit, cursor } = page(call);
        const after = cursor === undefined ? 0 : Number(Buffer.from(cursor, 'base64url').toString());
        if (!Number.isSafeInteger(after))
          throw new MlopsError('API400', { detail: `The cursor "${cursor}" is not one that a list answered.` });
        const rows = await features.quarantine.held({ set: nameOf(call), after, limit: limit + 1 });
        const items = rows.slice(0, limit);
        const last = items.at(-1);
        return json(200, {
          items: items.map(heldView),
          next_cursor:
            rows.length > limit && last !== undefined ? Buffer.from(String(last.id)).toString('base64url') : null,
        });
      },
    },
    {
      method: 'POST',
      path: '/api/v1/feature-sets/{name}/quarantine/release',
      operationId: 'releaseQuarantine',
      summary:
        'Rows that are kept aside count after all: they are served at once, and trained on after the next materialization.',
      tag,
      body: IDS,
      answers: { 200: { description: 'How many.', schema: { type: 'object', required: ['released'] } } },
      handle: async (call) =>
        json(200, { released: await features.quarantine.release(nameOf(call), (call.body as { ids?: number[] }).ids) }),
    },
    {
      method: 'POST',
      path: '/api/v1/feature-sets/{name}/quarantine/discard',
      operationId: 'discardQuarantine',
      summary: 'Let rows go that are kept aside. What a source still gives comes again.',
      tag,
      body: IDS,
      answers: { 200: { description: 'How many.', schema: { type: 'object', required: ['discarded'] } } },
      handle: async (call) =>
        json(200, {
          discarded: await features.quarantine.discard(nameOf(call), (call.body as { ids?: number[] }).ids),
        }),
    },
    {
      method: 'GET',
      path: '/api/v1/training-data/{digest}/statistics',
      operationId: 'datasetStatistics',
      summary: 'Statistics of a training set that a `training_dataset` task recorded, by its digest.',
      tag,
      answers: { 200: { description: 'The statistics.', schema: OBJECT } },
      handle: async ({ params }) => {
        const digest = params['digest'] ?? '';
        const found = await features.datasetStatistics(digest);
        return json(200, statisticsView(found));
      },
    },
    {
      method: 'GET',
      path: '/api/v1/features',
      operationId: 'listFeatures',
      summary: 'Features with who reads them and when they were last read.',
      tag,
      query: {
        ...PAGE_QUERY,
        unread: { type: 'boolean', default: false, description: 'Only those that nobody ever read.' },
      },
      answers: { 200: { description: 'A page of features.', schema: pageSchema(OBJECT) } },
      handle: async (call) => {
        const all = (await features.insights()).flatMap((set) => insightView(set).features);
        const unread = call.query['unread'] === true;
        const wanted = all
          .filter(({ last_read_at }) => !unread || last_read_at === null)
          .sort((a, b) => (a.name < b.name ? -1 : 1));
        return json(
          200,
          pageOf(wanted, ({ name }) => name, page(call)),
        );
      },
    },
    {
      method: 'GET',
      path: '/api/v1/catalogue',
      operationId: 'searchCatalogue',
      summary:
        'Search features, sets, services, sources, entities, models, endpoints and pipelines by name, tag, owner and description.',
      tag,
      query: {
        ...PAGE_QUERY,
        q: { type: 'string', description: 'Words that all occur in it.' },
        kind: { enum: [...CATALOGUE_KINDS] },
        tag: { type: 'string', description: '`name` or `name=value`.' },
        owner: { type: 'string' },
      },
      answers: { 200: { description: 'A page, the nearest first.', schema: pageSchema(OBJECT) } },
      handle: async (call) => {
        const {
          q,
          kind,
          tag: asked,
          owner,
        } = call.query as {
          q?: string;
          kind?: CatalogueKind;
          tag?: string;
          owner?: string;
        };
        const found = searchCatalogue(catalog, { text: q, kinds: kind && [kind], tag: asked, owner });
        const order = new Map(found.map((entry, index) => [entry, String(index).padStart(9, '0')]));
        const { items, next_cursor } = pageOf(found, (entry) => order.get(entry) ?? '', page(call));
        return json(200, { items: items.map(({ rank: _, ...entry }) => entry), next_cursor });
      },
    },
  ];
}
