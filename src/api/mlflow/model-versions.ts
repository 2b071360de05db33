/** Versions of models, as MLflow's clients register, move and find them. */
import { MlopsError } from '../../lib/error.ts';
import type { ModelVersion } from '../../stores/control/registry.ts';
import { checkRegistryTag } from '../../tracking/limits.ts';
import { parseVersionFilter, parseVersionOrder } from '../../tracking/search/registered.ts';
import type { ApiContext } from '../context.ts';
import { declareModel } from '../declare-model.ts';
import type { Route } from '../route.ts';
import { badValue } from './errors.ts';
import { numberOf, unknownRegistered } from './registered-models.ts';
import { type Asked, limitOf } from './request.ts';
import { mlflowRoute } from './route.ts';
import { readSource } from './version-source.ts';
import { stageOf, versionUri, versionView } from './version-views.ts';

const MOST = 200_000;
const LISTED = 10_000;

type Context = Pick<ApiContext, 'registry' | 'registryStore' | 'tracking' | 'artifacts' | 'catalog' | 'state'>;

export function modelVersionRoutes(context: Context): readonly Route[] {
  const versionOf = async (asked: Asked): Promise<ModelVersion> => {
    const [name, number] = [asked.required('name'), numberOf(asked)];
    const version = await context.registryStore.version(name, number);
    if (version !== undefined) return version;
    throw new MlopsError('MD201', {
      detail: `Model Version (name=${name}, version=${number}) not found`,
      status: 404,
    });
  };

  return [
    mlflowRoute('POST', 'model-versions/create', "Register a model's next version.", async (asked, { who }) => {
      const [name, source] = [asked.required('name'), asked.required('source')];
      const tags = asked.pairs('tags');
      for (const [key, value] of Object.entries(tags)) checkRegistryTag(key, value);
      if ((await context.registryStore.model(name)) === undefined) unknownRegistered(name);
      const { lineage, ...from } = await readSource(
        { source, runId: asked.text('run_id'), modelId: asked.text('model_id') },
        { tracking: context.tracking, registry: context.registryStore, artifacts: context.artifacts },
      );
      const runLink = asked.text('run_link');
      const version = await context.registry.register(
        {
          ...from,
          name,
          source,
          tags,
          lineage: { ...lineage, ...(runLink !== undefined && { run_link: runLink }) },
          description: asked.text('description') ?? null,
        },
        who,
        { any: true },
      );
      await declareModel(version, { catalog: context.catalog, state: context.state, who });
      return { model_version: versionView(version) };
    }),
    mlflowRoute('GET', 'model-versions/get', 'A version.', async (asked) => ({
      model_version: versionView(await versionOf(asked)),
    })),
    mlflowRoute('PATCH', 'model-versions/update', 'Describe a version.', async (asked, { who }) => {
      const { id } = await versionOf(asked);
      const edit = asked.has('description') ? { description: asked.text('description') ?? null } : {};
      return { model_version: versionView(await context.registryStore.labelVersion(id, edit, who)) };
    }),
    mlflowRoute(
      'POST',
      'model-versions/transition-stage',
      "Move a version to a stage, into production through the model's gates.",
      async (asked, { who }) => {
        const version = await versionOf(asked);
        const stage = stageOf(asked.required('stage'));
        const archives = asked.flag('archive_existing_versions');
        if (archives && stage !== 'staging' && stage !== 'production')
          throw badValue(
            `Versions are archived for one that enters Staging or Production, not ${asked.text('stage')}.`,
          );
        const moved = await context.registry.promote({ versionId: version.id, to: stage }, who);
        if (archives && stage === 'staging') await archiveOthers(version, who);
        return { model_version: versionView(moved.version) };
      },
    ),
    mlflowRoute('DELETE', 'model-versions/delete', 'Delete a version that nothing uses.', async (asked, { who }) => {
      const { id } = await versionOf(asked);
      await context.registryStore.deleteVersion(id, { who, withAliases: true });
      return {};
    }),
    mlflowRoute('GET', 'model-versions/search', 'Versions that a filter finds.', async (asked) => {
      const { items, nextCursor } = await context.registryStore.search({
        conditions: parseVersionFilter(asked.text('filter') ?? ''),
        order: parseVersionOrder(asked.texts('order_by')),
        limit: limitOf(asked, { most: MOST, otherwise: LISTED }),
        cursor: asked.text('page_token'),
      });
      return {
        ...(items.length > 0 && { model_versions: items.map(versionView) }),
        ...(nextCursor !== null && { next_page_token: nextCursor }),
      };
    }),
    mlflowRoute('GET', 'model-versions/get-download-uri', "Where a version's files are.", async (asked) => {
      const version = await versionOf(asked);
      const elsewhere = version.artifacts.find(({ digest, uri }) => digest === null && uri !== null);
      return { artifact_uri: elsewhere?.uri ?? versionUri(version) };
    }),
    mlflowRoute('POST', 'model-versions/set-tag', 'Tag a version.', async (asked, { who }) => {
      const [key, value] = [asked.required('key'), asked.text('value') ?? ''];
      checkRegistryTag(key, value);
      await context.registryStore.labelVersion((await versionOf(asked)).id, { tags: { [key]: value } }, who);
      return {};
    }),
    mlflowRoute('DELETE', 'model-versions/delete-tag', "Take a version's tag away.", async (asked, { who }) => {
      const { id } = await versionOf(asked);
      await context.registryStore.labelVersion(id, { tags: { [asked.required('key')]: null } }, who);
      return {};
    }),
  ];

  async function archiveOthers({ name, id }: ModelVersion, who: string): Promise<void> {
    const { items } = await context.registryStore.search({ name, stage: 'staging', limit: LISTED });
    for (const other of items.filter((one) => one.id !== id))
      await context.registry.promote({ versionId: other.id, to: 'archived', reason: 'another entered staging' }, who);
  }
}
