/** Models and their versions in the registry, as MLflow's clients register, find and name them. */
import { MlopsError } from '../../lib/error.ts';
import { checkModelName } from '../../registry/model-name.ts';
import type { ModelVersion } from '../../stores/control/registry.ts';
import type { RegisteredModel } from '../../stores/control/registry-labels.ts';
import { checkRegistryTag } from '../../tracking/limits.ts';
import { parseRegisteredFilter, parseRegisteredOrder } from '../../tracking/search/registered.ts';
import type { ApiContext } from '../context.ts';
import type { Route } from '../route.ts';
import { badValue } from './errors.ts';
import { type Asked, limitOf } from './request.ts';
import { mlflowRoute } from './route.ts';
import { stageOf, versionView } from './version-views.ts';
import { pairsOf } from './views.ts';

const MOST = 1000;
const PROMPT_TAG = 'mlflow.prompt.is_prompt';

export function registeredModelRoutes(context: Pick<ApiContext, 'registryStore'>): readonly Route[] {
  const named = async (asked: Asked): Promise<RegisteredModel> => {
    const name = asked.required('name');
    return (await context.registryStore.model(name)) ?? unknownRegistered(name);
  };
  const view = async (model: RegisteredModel) =>
    registeredView(model, await context.registryStore.newestAtStages([model.name]));
  const latest = async (asked: Asked) => {
    const { name } = await named(asked);
    const stages = asked.texts('stages').map(stageOf);
    const newest = await context.registryStore.newestAtStages([name]);
    const wanted = newest.filter(({ stage }) => stages.length === 0 || stages.includes(stage));
    return { model_versions: wanted.map(versionView) };
  };

  return [
    mlflowRoute('POST', 'registered-models/create', 'Make a model without versions.', async (asked, { who }) => {
      const name = asked.required('name');
      checkModelName(name, { any: true });
      const tags = asked.pairs('tags');
      for (const [key, value] of Object.entries(tags)) checkRegistryTag(key, value);
      if (tags[PROMPT_TAG]?.toLowerCase() === 'true') throw badValue('Prompts are not kept here.');
      const description = asked.text('description') ?? null;
      if ((await context.registryStore.model(name)) !== undefined)
        throw new MlopsError('EX202', { detail: `Registered Model (name=${name}) already exists.`, status: 409 });
      const model = await context.registryStore.createModel(name, { tags, description }, who);
      return { registered_model: await view(model) };
    }),
    mlflowRoute('GET', 'registered-models/get', 'A model, with the newest version at each stage.', async (asked) => ({
      registered_model: await view(await named(asked)),
    })),
    mlflowRoute('PATCH', 'registered-models/update', 'Describe a model.', async (asked, { who }) => {
      const { name } = await named(asked);
      const description = asked.text('description') ?? null;
      return { registered_model: await view(await context.registryStore.labelModel(name, { description }, who)) };
    }),
    mlflowRoute('POST', 'registered-models/rename', 'Refused: a model keeps its name.', async (asked) => {
      const { name } = await named(asked);
      throw badValue(`The model "${name}" keeps its name: what was served and recorded under it is found by it.`);
    }),
    mlflowRoute('DELETE', 'registered-models/delete', 'Delete a model that nothing uses.', async (asked, { who }) => {
      const { name } = await named(asked);
      await context.registryStore.deleteModel(name, { who, withAliases: true });
      return {};
    }),
    mlflowRoute('GET', 'registered-models/search', 'Models that a filter finds.', async (asked) => {
      const order = parseRegisteredOrder(asked.texts('order_by'));
      const { items, nextCursor } = await context.registryStore.searchModels({
        conditions: parseRegisteredFilter(asked.text('filter') ?? ''),
        ...(order !== undefined && { order }),
        limit: limitOf(asked, { most: MOST, otherwise: 100 }),
        cursor: asked.text('page_token'),
      });
      const newest = await context.registryStore.newestAtStages(items.map(({ name }) => name));
      return {
        registered_models: items.map((model) =>
          registeredView(
            model,
            newest.filter(({ name }) => name === model.name),
          ),
        ),
        ...(nextCursor !== null && { next_page_token: nextCursor }),
      };
    }),
    mlflowRoute('GET', 'registered-models/get-latest-versions', 'The newest version at each stage.', latest),
    mlflowRoute('POST', 'registered-models/get-latest-versions', 'The newest version at each stage.', latest),
    mlflowRoute('POST', 'registered-models/set-tag', 'Tag a model.', async (asked, { who }) => {
      const [key, value] = [asked.required('key'), asked.text('value') ?? ''];
      checkRegistryTag(key, value);
      await context.registryStore.labelModel((await named(asked)).name, { tags: { [key]: value } }, who);
      return {};
    }),
    mlflowRoute('DELETE', 'registered-models/delete-tag', "Take a model's tag away.", async (asked, { who }) => {
      const { name } = await named(asked);
      await context.registryStore.labelModel(name, { tags: { [asked.required('key')]: null } }, who);
      return {};
    }),
    mlflowRoute('POST', 'registered-models/alias', 'Let an alias name a version.', async (asked, { who }) => {
      const { name } = await named(asked);
      await context.registryStore.setAlias(name, asked.required('alias'), numberOf(asked), who);
      return {};
    }),
    mlflowRoute('DELETE', 'registered-models/alias', 'Take an alias away.', async (asked, { who }) => {
      await context.registryStore.removeAlias((await named(asked)).name, asked.required('alias'), who);
      return {};
    }),
    mlflowRoute('GET', 'registered-models/alias', 'The version that an alias names.', async (asked) => {
      const { name } = await named(asked);
      const alias = asked.required('alias');
      const version = await context.registryStore.atAlias(name, alias);
      // As MLflow answers it: not as what does not exist.
      if (version === undefined) throw badValue(`Registered model alias ${alias} not found.`);
      return { model_version: versionView(version) };
    }),
  ];
}

/** The version's number. */
export function numberOf(asked: Asked): number {
  const number = asked.integer('version');
  if (number === undefined) throw badValue("Missing value for required parameter 'version'.");
  return number;
}

export function unknownRegistered(name: string): never {
  throw new MlopsError('MD201', { detail: `Registered Model with name=${name} not found`, status: 404 });
}

const registeredView = (model: RegisteredModel, newest: readonly ModelVersion[]) => ({
  name: model.name,
  creation_timestamp: model.createdAt.getTime(),
  last_updated_timestamp: model.updatedAt.getTime(),
  ...(model.description !== null && { description: model.description }),
  ...(newest.length > 0 && { latest_versions: newest.map(versionView) }),
  ...(Object.keys(model.tags).length > 0 && { tags: pairsOf(model.tags) }),
  ...(Object.keys(model.aliases).length > 0 && {
    aliases: Object.entries(model.aliases).map(([alias, version]) => ({ alias, version: String(version) })),
  }),
});
