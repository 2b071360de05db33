/** Runs, as MLflow's clients make them, log to them and find them. */
import { MlopsError } from '../../lib/error.ts';
import type { LoggedMetric } from '../../stores/control/tracked-values.ts';
import type { DatasetInput, ModelOutput, TrackedRun } from '../../stores/control/tracking.ts';
import type { Tracking } from '../../tracking/tracking.ts';
import type { Route } from '../route.ts';
import { badValue } from './errors.ts';
import { type Asked, limitOf, nextPage, offsetOf, statusOf, viewOf } from './request.ts';
import { mlflowRoute } from './route.ts';
import { metricView, runInfoView, runView } from './views.ts';

const MOST = 50_000;
const SAMPLED_RUNS = 100;
const SAMPLES = 2500;
const NAME_TAG = 'mlflow.runName';
const MODELS_TAG = 'mlflow.log-model.history';
const NUMBER_LIMIT = Number.MAX_VALUE;

/** Old clients call it run_uuid. */
export const runIdOf = (asked: Asked): string =>
  asked.text('run_id') ?? asked.text('run_uuid') ?? asked.required('run_id');

export function runRoutes(tracking: Tracking): readonly Route[] {
  return [
    mlflowRoute('POST', 'runs/create', 'Begin a run.', async (asked, caller) => {
      const tags = asked.pairs('tags');
      const named = asked.text('run_name');
      const tagged = tags[NAME_TAG];
      if (named !== undefined && tagged !== undefined && named !== tagged)
        throw badValue(`The run is named "${named}" by 'run_name' and "${tagged}" by the tag ${NAME_TAG}.`);
      const run = await tracking.createRun({
        experimentId: asked.text('experiment_id') ?? '0',
        name: named ?? tagged ?? '',
        user: asked.text('user_id') ?? caller.who,
        startedMs: asked.integer('start_time') ?? 0,
        tags,
      });
      return { run: runView(run) };
    }),
    mlflowRoute('GET', 'runs/get', 'A run with what it logged.', async (asked) => ({
      run: runView(await runWith(tracking, runIdOf(asked))),
    })),
    mlflowRoute('POST', 'runs/update', "Change a run's status, its end or its name.", async (asked) => {
      const status = asked.text('status');
      const run = await tracking.updateRun(runIdOf(asked), {
        status: status === undefined ? undefined : statusOf(status),
        endedMs: asked.integer('end_time'),
        name: asked.text('run_name'),
      });
      return { run_info: runInfoView(run) };
    }),
    mlflowRoute('POST', 'runs/delete', 'Delete a run; it can be restored.', async (asked) => {
      await tracking.store.setRunLifecycle(runIdOf(asked), 'deleted');
      return {};
    }),
    mlflowRoute('POST', 'runs/restore', 'Restore a deleted run.', async (asked) => {
      await tracking.store.setRunLifecycle(runIdOf(asked), 'active');
      return {};
    }),
    mlflowRoute('POST', 'runs/log-metric', 'Log a value of a metric.', async (asked) => {
      await tracking.logBatch(runIdOf(asked), { metrics: [metricOf(asked)] });
      return {};
    }),
    mlflowRoute('POST', 'runs/log-parameter', 'Log a parameter.', async (asked) => {
      await tracking.logBatch(runIdOf(asked), { params: { [asked.required('key')]: asked.text('value') ?? '' } });
      return {};
    }),
    {
      ...mlflowRoute(
        'POST',
        'runs/log-batch',
        'Log metrics, parameters and tags, all of them or none.',
        async (asked) => {
          const params = asked.items('params').map((item) => [item.required('key'), item.text('value') ?? ''] as const);
          const twice = params.find(([key], index) => params.findIndex(([other]) => other === key) < index);
          if (twice !== undefined) throw badValue(`The parameter "${twice[0]}" is in the batch twice.`);
          await tracking.logBatch(runIdOf(asked), {
            metrics: asked.items('metrics').map(metricOf),
            params: Object.fromEntries(params),
            tags: asked.pairs('tags'),
          });
          return {};
        },
      ),
    },
    mlflowRoute('POST', 'runs/set-tag', 'Tag a run.', async (asked) => {
      await tracking.logBatch(runIdOf(asked), { tags: { [asked.required('key')]: asked.text('value') ?? '' } });
      return {};
    }),
    mlflowRoute('POST', 'runs/delete-tag', "Take a run's tag away.", async (asked) => {
      await tracking.store.deleteRunTag(runIdOf(asked), asked.required('key'));
      return {};
    }),
    mlflowRoute('POST', 'runs/log-inputs', 'Log the data sets and models that a run reads.', async (asked) => {
      const id = runIdOf(asked);
      await tracking.logDatasets(id, asked.items('datasets').map(datasetOf));
      await tracking.store.logModels(id, 'input', asked.items('models').map(modelOf));
      return {};
    }),
    mlflowRoute('POST', 'runs/outputs', 'Log the models that a run made.', async (asked) => {
      await tracking.store.logModels(runIdOf(asked), 'output', asked.items('models').map(modelOf));
      return {};
    }),
    mlflowRoute('POST', 'runs/log-model', 'Log a model in the way of clients before MLflow 3.', async (asked) => {
      const id = runIdOf(asked);
      const model = modelJson(asked.required('model_json'));
      const { tags } = await runWith(tracking, id);
      const before = JSON.parse(tags[MODELS_TAG] ?? '[]') as unknown[];
      await tracking.logBatch(id, { tags: { [MODELS_TAG]: JSON.stringify([...before, model]) } });
      return {};
    }),
    mlflowRoute('POST', 'runs/search', 'Runs of experiments that a filter finds.', async (asked) => {
      const offset = offsetOf(asked);
      const limit = limitOf(asked, { most: MOST, otherwise: 1000 });
      const { items, more } = await tracking.searchRuns({
        experimentIds: asked.texts('experiment_ids'),
        filter: asked.text('filter') ?? '',
        view: viewOf(asked, 'run_view_type'),
        order: asked.texts('order_by'),
        offset,
        limit,
      });
      return { ...(items.length > 0 && { runs: items.map(runView) }), ...nextPage(more, offset + limit) };
    }),
    mlflowRoute('GET', 'metrics/get-history', 'Every value that a metric of a run had.', async (asked) => {
      const limit = asked.has('max_results')
        ? limitOf(asked, { most: Number.MAX_SAFE_INTEGER - 1, otherwise: 1 })
        : null;
      const offset = offsetOf(asked);
      const found = await tracking.store.metricHistory(runIdOf(asked), asked.required('metric_key'), {
        offset,
        limit: limit === null ? null : limit + 1,
      });
      const shown = limit === null ? found : found.slice(0, limit);
      return { metrics: shown.map(metricView), ...nextPage(found.length > shown.length, offset + shown.length) };
    }),
    mlflowRoute(
      'GET',
      'metrics/get-history-bulk-interval',
      'Some values of a metric of runs, evenly spread.',
      async (asked) => {
        const ids = asked.texts('run_ids');
        if (ids.length === 0 || ids.length > SAMPLED_RUNS)
          throw badValue(`The parameter 'run_ids' names from 1 to ${SAMPLED_RUNS} runs, not ${ids.length}.`);
        const found = await tracking.store.metricSamples(ids, asked.required('metric_key'), {
          limit: limitOf(asked, { most: SAMPLES, otherwise: SAMPLES }),
          steps: stepsOf(asked),
        });
        return { metrics: found.map(({ runId, ...point }) => ({ ...metricView(point), run_id: runId })) };
      },
    ),
  ];
}

export async function runWith({ store }: Tracking, id: string): Promise<TrackedRun> {
  const run = await store.run(id);
  if (run === undefined) throw new MlopsError('EX201', { detail: `No run has the id ${id}.`, status: 404 });
  return run;
}

function metricOf(asked: Asked): LoggedMetric {
  const key = asked.required('key');
  const value = asked.double('value');
  const atMs = asked.integer('timestamp');
  if (value === undefined) throw badValue(`Missing value for required parameter 'value' of the metric "${key}".`);
  if (atMs === undefined) throw badValue(`Missing value for required parameter 'timestamp' of the metric "${key}".`);
  return {
    key,
    // No database keeps infinities as MLflow's clients know them: they are the greatest numbers.
    value: Number.isNaN(value) ? value : Math.max(-NUMBER_LIMIT, Math.min(NUMBER_LIMIT, value)),
    atMs,
    step: asked.integer('step') ?? 0,
    modelId: asked.text('model_id'),
    datasetName: asked.text('dataset_name'),
    datasetDigest: asked.text('dataset_digest'),
  };
}

function datasetOf(asked: Asked): DatasetInput {
  const dataset = asked.item('dataset');
  if (dataset === undefined) throw badValue("Missing value for required parameter 'dataset' of an input.");
  return {
    name: dataset.required('name'),
    digest: dataset.required('digest'),
    sourceType: dataset.required('source_type'),
    source: dataset.required('source'),
    schema: dataset.text('schema') ?? null,
    profile: dataset.text('profile') ?? null,
    tags: asked.pairs('tags'),
  };
}

const modelOf = (asked: Asked): ModelOutput => ({
  modelId: asked.required('model_id'),
  step: asked.integer('step') ?? 0,
});

function modelJson(text: string): Readonly<Record<string, unknown>> {
  let model: unknown;
  try {
    model = JSON.parse(text);
  } catch {
    throw badValue("The parameter 'model_json' is no JSON.");
  }
  const fields = typeof model === 'object' && model !== null ? (model as Record<string, unknown>) : {};
  const missing = ['artifact_path', 'flavors', 'utc_time_created', 'run_id'].filter((name) => !(name in fields));
  if (missing.length > 0) throw badValue(`The model lacks ${missing.join(', ')}.`);
  return fields;
}

function stepsOf(asked: Asked): readonly [number, number] | null {
  const from = asked.integer('start_step');
  const to = asked.integer('end_step');
  if (from === undefined && to === undefined) return null;
  if (from === undefined || to === undefined || from > to)
    throw badValue("'start_step' and 'end_step' are given together, the lower one first.");
  return [from, to];
}
