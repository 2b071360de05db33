/** Feature sets: what is applied beside what is materialized, and new ones made through the HTTP interface. */
import { MlopsError } from '../../lib/error.ts';
import type { ApiContext } from '../context.ts';
import { snakeCaseKeys } from '../json.ts';
import { recordResource } from '../resources.ts';
import { json, PAGE_QUERY, pageOf, pageSchema, type Route } from '../route.ts';

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
      summary: 'Make a feature set of an applied entity, or change one that was made here.',
      tag,
      specBody: 'feature_set',
      answers: {
        200: { description: 'It was there and is changed.', schema: FEATURE_SET },
        201: { description: 'It is made.', schema: FEATURE_SET },
      },
      handle: async ({ body, caller }) => {
        const { resource, created } = await recordResource('feature_set', body, {
          catalog,
          state,
          who: caller.who,
          outputs: async (spec) => {
            const entity = catalog.get('entity', spec.entity)?.spec;
            if (entity === undefined)
              throw new MlopsError('API422', { detail: `There is no entity "${spec.entity}".` });
            return features.registerFeatureSet(spec, entity);
          },
        });
        return json(created ? 201 : 200, descriptionView(await features.describe(resource.name)));
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
        return json(200, { ...page, items: page.items.map(descriptionView) });
      },
    },
    {
      method: 'GET',
      path: '/api/v1/feature-sets/{name}',
      operationId: 'getFeatureSet',
      summary: 'One feature set with its versions.',
      tag,
      answers: { 200: { description: 'The feature set.', schema: FEATURE_SET } },
      handle: async ({ params }) => json(200, descriptionView(await features.describe(params['name'] ?? ''))),
    },
  ];
}

/** Names of features are the user's and stay as they are. */
function descriptionView(description: Awaited<ReturnType<ApiContext['features']['describe']>>) {
  const { features, keys, versions, servingVersion, ...rest } = description;
  return { ...rest, keys, serving_version: servingVersion, versions: snakeCaseKeys(versions), features };
}
