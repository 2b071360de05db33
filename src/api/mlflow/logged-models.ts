/** Models that runs log, as MLflow 3's clients make and find them. */

import { MlopsError } from '../../lib/error.ts';
import type { LoggedModel } from '../../stores/control/tracked-models.ts';
import { type LoggedModelStatus, MODEL_STATUSES } from '../../stores/control/tracked-models.ts';
import type { Tracking } from '../../tracking/tracking.ts';
import type { Route } from '../route.ts';
import { badValue } from './errors.ts';
import { type Asked, limitOf, nextPage, offsetOf } from './request.ts';
import { mlflowRoute } from './route.ts';
import { loggedModelView } from './views.ts';

const MOST = 1000;

export function loggedModelRoutes(tracking: Tracking): readonly Route[] {
  const idOf = (asked: Asked): string => asked.required('model_id');
  return [
    mlflowRoute('POST', 'logged-models', 'Begin a model: its files come next.', async (asked) => {
      const model = await tracking.createModel({
        experimentId: asked.required('experiment_id'),
        name: asked.text('name') ?? '',
        modelType: asked.text('model_type') ?? '',
        sourceRunId: asked.text('source_run_id') ?? '',
        params: asked.pairs('params'),
        tags: asked.pairs('tags'),
      });
      return { model: loggedModelView(model) };
    }),
    mlflowRoute('GET', 'logged-models/{model_id}', 'A logged model.', async (asked) => ({
      model: loggedModelView(await knownModel(tracking, idOf(asked), asked.flag('allow_deleted'))),
    })),
    mlflowRoute(
      'PATCH',
      'logged-models/{model_id}',
      'Say that the model is whole, or that it failed.',
      async (asked) => ({
        model: loggedModelView(await tracking.finishModel(idOf(asked), statusOf(asked.required('status')))),
      }),
    ),
    mlflowRoute('DELETE', 'logged-models/{model_id}', 'Delete a logged model.', async (asked) => {
      await tracking.deleteModel(idOf(asked));
      return {};
    }),
    mlflowRoute('PATCH', 'logged-models/{model_id}/tags', 'Tag a logged model.', async (asked) => {
      await tracking.store.setModelTags(idOf(asked), asked.pairs('tags'));
      return {};
    }),
    mlflowRoute(
      'DELETE',
      'logged-models/{model_id}/tags/{tag_key}',
      "Take a logged model's tag away.",
      async (asked) => {
        await tracking.store.deleteModelTag(idOf(asked), asked.required('tag_key'));
        return {};
      },
    ),
    mlflowRoute('POST', 'logged-models/{model_id}/params', 'Log parameters of a model.', async (asked) => {
      await tracking.store.logModelParams(idOf(asked), asked.pairs('params'));
      return {};
    }),
    mlflowRoute('POST', 'logged-models/search', 'Logged models that a filter finds.', async (asked) => {
      const offset = offsetOf(asked);
      const limit = limitOf(asked, { most: MOST, otherwise: 100 });
      const { items, more } = await tracking.searchModels({
        experimentIds: asked.texts('experiment_ids'),
        filter: asked.text('filter') ?? '',
        datasets: asked.items('datasets').map((dataset) => ({
          name: dataset.required('dataset_name'),
          digest: dataset.text('dataset_digest'),
        })),
        order: asked.items('order_by').map((order) => ({
          fieldName: order.required('field_name'),
          ascending: order.has('ascending') ? order.flag('ascending') : true,
          datasetName: order.text('dataset_name'),
          datasetDigest: order.text('dataset_digest'),
        })),
        offset,
        limit,
      });
      return { ...(items.length > 0 && { models: items.map(loggedModelView) }), ...nextPage(more, offset + limit) };
    }),
  ];
}

/** EX201 where there is none. */
export async function knownModel({ store }: Tracking, id: string, deleted = false): Promise<LoggedModel> {
  const model = await store.model(id, { deleted });
  if (model === undefined) throw new MlopsError('EX201', { detail: `No logged model has the id ${id}.`, status: 404 });
  return model;
}

function statusOf(text: string): LoggedModelStatus {
  const status = MODEL_STATUSES.find((known, index) => known === text || String(index + 1) === text);
  if (status === undefined) throw badValue(`The status is one of ${MODEL_STATUSES.join(', ')}, not ${text}.`);
  return status;
}
