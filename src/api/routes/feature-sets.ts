/** Feature sets: what is applied beside what is materialized, and new ones made through the HTTP interface. */
import { MlopsError } from '../../lib/error.ts';
import { recordedColumns } from '../../plan/source-columns.ts';
import { encodeLineage } from '../../spec/column-lineage.ts';
import { structureDigest } from '../../spec/feature-set-structure.ts';
import { type RecordedSources, recordedLineage } from '../../spec/recorded-lineage.ts';
import type { Catalog } from '../../stores/control/catalog.ts';
import type { ApiContext } from '../context.ts';
import { recordResource } from '../resources.ts';
import { json, PAGE_QUERY, pageOf, pageSchema, type Route } from '../route.ts';
import { longForm, UNTYPED_ENTITY } from '../short-feature-set.ts';
import { featureSetView, snakeCaseKeys } from '../views.ts';

const tag = 'features';
const FEATURE_SET = { type: 'object', required: ['name', 'features', 'versions'] } as const;

export function featureSetRoutes({
  features,
  catalog,
  state,
}: Pick<ApiContext, 'features' | 'catalog' | 'state'>): readonly Route[] {
  return [
    {
      method: 'POST',
      path: '/api/v1/feature-sets',
      operationId: 'putFeatureSet',
      summary:
        'Make a feature set, or change one that was made here. Without a source or query its rows come by push, and it may be short: a name and features.',
      tag,
      specBody: 'feature_set',
      answers: {
        200: { description: 'It was there and is changed.', schema: FEATURE_SET },
        201: { description: 'It is made.', schema: FEATURE_SET },
      },
      handle: async ({ body, caller, signal }) => {
        const into = { catalog, state, who: caller.who };
        const spec = longForm(body);
        if (spec['entity'] === UNTYPED_ENTITY.name && catalog.get('entity', UNTYPED_ENTITY.name) === undefined)
          await recordResource('entity', UNTYPED_ENTITY, { ...into, outputs: async () => ({}) });
        const { resource, created } = await recordResource('feature_set', spec, {
          ...into,
          outputs: async (set) => {
            const entity = catalog.get('entity', set.entity)?.spec;
            if (entity === undefined) throw new MlopsError('API422', { detail: `There is no entity "${set.entity}".` });
            const { version } = await features.registerFeatureSet(set, entity);
            const lineage = await recordedLineage(set, Object.keys(entity.keys), sourcesIn(catalog));
            // What an apply records too: the plan sees by it when the entity's keys change, and which columns are read.
            return {
              version,
              structure: structureDigest(set, entity),
              keys: { ...entity.keys },
              lineage: encodeLineage(lineage),
            };
          },
        });
        await fillPushed(resource.name, features, signal);
        return json(created ? 201 : 200, featureSetView(await features.describe(resource.name)));
      },
    },
    {
      method: 'GET',
      path: '/api/v1/feature-sets',
      operationId: 'listFeatureSets',
      summary: 'Feature sets by name, with their versions.',
      tag,
      query: PAGE_QUERY,
      answers: { 200: { description: 'A page of feature sets.', schema: pageSchema(FEATURE_SET) } },
      handle: async ({ query }) => {
        const all = [...(await features.list())].sort((a, b) => (a.name < b.name ? -1 : 1));
        const page = pageOf(all, ({ name }) => name, {
          limit: query['limit'] as number,
          cursor: query['cursor'] as string | undefined,
        });
        return json(200, { ...page, items: page.items.map(featureSetView) });
      },
    },
    {
      method: 'GET',
      path: '/api/v1/feature-sets/{name}',
      operationId: 'getFeatureSet',
      summary: 'One feature set with its versions.',
      tag,
      answers: { 200: { description: 'The feature set.', schema: FEATURE_SET } },
      handle: async ({ params }) => json(200, featureSetView(await features.describe(params['name'] ?? ''))),
    },
    {
      method: 'GET',
      path: '/api/v1/feature-sets/{name}/versions',
      operationId: 'listFeatureSetVersions',
      summary: 'The versions of a feature set: what they hold, who reads them, and which are retired.',
      tag,
      answers: {
        200: {
          description: 'The versions, the oldest first.',
          schema: {
            type: 'object',
            required: ['items', 'serving_version'],
            properties: {
              items: { type: 'array', items: { type: 'object' } },
              serving_version: { type: ['integer', 'null'] },
            },
          },
        },
      },
      handle: async ({ params }) => {
        const { versions, servingVersion } = await features.describe(params['name'] ?? '');
        return json(200, { items: snakeCaseKeys(versions), serving_version: servingVersion });
      },
    },
  ];
}

function sourcesIn(catalog: Catalog): RecordedSources {
  return {
    names: new Set(catalog.list('source').map(({ name }) => name)),
    spec: (name) => catalog.get('source', name)?.spec,
    columns: (name) => recordedColumns(catalog.get('source', name)),
  };
}

/** A new version of a set that lives from pushes takes over what was pushed before: whoever made it here has no other command for that. */
async function fillPushed(name: string, features: ApiContext['features'], signal: AbortSignal): Promise<void> {
  const { versions, servingVersion, push } = await features.describe(name);
  const newest = versions.at(-1);
  if (push && servingVersion !== null && newest?.status === 'registered')
    await features.materialize(name, { signal, log: () => {} });
}
