/** Experiments, as MLflow's clients make and find them. */
import { MlopsError } from '../../lib/error.ts';
import type { Experiment } from '../../stores/control/tracking.ts';
import type { Tracking } from '../../tracking/tracking.ts';
import type { Route } from '../route.ts';
import { type Asked, limitOf, nextPage, offsetOf, viewOf } from './request.ts';
import { mlflowRoute } from './route.ts';
import { experimentView } from './views.ts';

const MOST = 50_000;
const MOST_DATASETS = 1000;

export function experimentRoutes(tracking: Tracking): readonly Route[] {
  const search = async (asked: Asked) => {
    const offset = offsetOf(asked);
    const limit = limitOf(asked, { most: MOST, otherwise: 1000 });
    const { items, more } = await tracking.searchExperiments({
      view: viewOf(asked, 'view_type'),
      filter: asked.text('filter') ?? '',
      order: asked.texts('order_by'),
      offset,
      limit,
    });
    return { experiments: items.map(experimentView), ...nextPage(more, offset + limit) };
  };
  const known = (experiment: Experiment | undefined, what: string): Experiment => {
    if (experiment === undefined)
      throw new MlopsError('EX201', { detail: `No experiment has the ${what}.`, status: 404 });
    return experiment;
  };

  return [
    mlflowRoute('POST', 'experiments/create', 'Make an experiment.', async (asked) => {
      const { id } = await tracking.createExperiment({
        name: asked.required('name'),
        artifactLocation: asked.text('artifact_location') ?? null,
        tags: asked.pairs('tags'),
      });
      return { experiment_id: id };
    }),
    mlflowRoute('GET', 'experiments/get', 'An experiment by its id.', async (asked) => {
      const id = asked.required('experiment_id');
      return { experiment: experimentView(known(await tracking.store.experiment(id), `id ${id}`)) };
    }),
    mlflowRoute(
      'GET',
      'experiments/get-by-name',
      'An experiment by its name, also where it is deleted.',
      async (asked) => {
        const name = asked.required('experiment_name');
        return { experiment: experimentView(known(await tracking.store.experimentNamed(name), `name "${name}"`)) };
      },
    ),
    mlflowRoute('GET', 'experiments/search', 'Experiments that a filter finds.', search),
    mlflowRoute('POST', 'experiments/search', 'Experiments that a filter finds.', search),
    mlflowRoute('POST', 'experiments/update', 'Rename an experiment.', async (asked) => {
      await tracking.renameExperiment(asked.required('experiment_id'), asked.required('new_name'));
      return {};
    }),
    mlflowRoute(
      'POST',
      'experiments/delete',
      'Delete an experiment with its runs; they can be restored.',
      async (asked) => {
        await tracking.deleteExperiment(asked.required('experiment_id'));
        return {};
      },
    ),
    mlflowRoute('POST', 'experiments/restore', 'Restore a deleted experiment with its runs.', async (asked) => {
      await tracking.restoreExperiment(asked.required('experiment_id'));
      return {};
    }),
    mlflowRoute('POST', 'experiments/set-experiment-tag', 'Tag an experiment.', async (asked) => {
      await tracking.setExperimentTag(
        asked.required('experiment_id'),
        asked.required('key'),
        asked.text('value') ?? '',
      );
      return {};
    }),
    mlflowRoute('POST', 'experiments/delete-experiment-tag', "Take an experiment's tag away.", async (asked) => {
      await tracking.store.setExperimentTag(asked.required('experiment_id'), asked.required('key'), null);
      return {};
    }),
    mlflowRoute('POST', 'experiments/search-datasets', 'Data sets that runs of experiments read.', async (asked) => {
      const found = await tracking.store.datasetsOf(asked.texts('experiment_ids'), MOST_DATASETS);
      return {
        dataset_summaries: found.map(({ experimentId, context, ...dataset }) => ({
          experiment_id: experimentId,
          ...dataset,
          ...(context !== null && { context }),
        })),
      };
    }),
  ];
}
