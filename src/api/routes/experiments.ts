/** Experiments and runs, whoever recorded them: tasks of pipelines, or MLflow's clients. */
import { MlopsError } from '../../lib/error.ts';
import type { Experiment } from '../../stores/control/tracking.ts';
import type { ApiContext } from '../context.ts';
import { json, PAGE_QUERY, pageSchema, type Route } from '../route.ts';
import { experimentRow, trackedRunRow } from '../views-tracking.ts';

const tag = 'experiments';
const ROW = { type: 'object' } as const;
const FILTER = {
  type: 'string',
  default: '',
  description: "Conditions joined by `and`: `metrics.auc > 0.9 and params.depth = '3'`.",
} as const;
const ORDER = {
  type: 'string',
  description: 'What to order by: `metrics.auc DESC`. Default: the newest first.',
} as const;

export function experimentViewRoutes(context: Pick<ApiContext, 'tracking'>): readonly Route[] {
  return [
    {
      method: 'GET',
      path: '/api/v1/experiments',
      operationId: 'listExperiments',
      summary: 'Experiments that are not deleted, newest first, with how many runs each has.',
      tag,
      query: { ...PAGE_QUERY, filter: FILTER, order: ORDER },
      answers: { 200: { description: 'A page of experiments.', schema: pageSchema(ROW) } },
      handle: async ({ query }) => {
        const asked = pageAsked(query);
        const { items, more } = await context.tracking.searchExperiments({ ...asked, view: 'active' });
        const runs = await context.tracking.store.countRuns(items.map(({ id }) => id));
        return json(200, {
          items: items.map((experiment) => experimentRow(experiment, runs.get(experiment.id) ?? 0)),
          next_cursor: nextCursor(more, asked),
        });
      },
    },
    {
      method: 'GET',
      path: '/api/v1/experiments/{experiment}/runs',
      operationId: 'listExperimentRuns',
      summary: 'Runs of an experiment, by its id or its name, newest first.',
      tag,
      query: { ...PAGE_QUERY, filter: FILTER, order: ORDER },
      answers: { 200: { description: 'A page of runs.', schema: pageSchema(ROW) } },
      handle: async ({ params, query }) => {
        const { id } = await experimentOf(context, params['experiment'] ?? '');
        const asked = pageAsked(query);
        const { items, more } = await context.tracking.searchRuns({ ...asked, experimentIds: [id], view: 'active' });
        return json(200, { items: items.map(trackedRunRow), next_cursor: nextCursor(more, asked) });
      },
    },
  ];
}

/** By its name, or by its id. EX201. */
async function experimentOf({ tracking }: Pick<ApiContext, 'tracking'>, asked: string): Promise<Experiment> {
  const found = (await tracking.store.experiment(asked)) ?? (await tracking.store.experimentNamed(asked));
  if (found === undefined)
    throw new MlopsError('EX201', {
      detail: `There is no experiment "${asked}".`,
      hint: 'GET /api/v1/experiments lists them',
      status: 404,
    });
  return found;
}

function pageAsked(query: Readonly<Record<string, unknown>>) {
  const cursor = query['cursor'] as string | undefined;
  const offset = cursor === undefined ? 0 : Number(Buffer.from(cursor, 'base64url').toString());
  if (!Number.isSafeInteger(offset) || offset < 0)
    throw new MlopsError('API400', { detail: `The cursor "${cursor}" is not one that a list answered.` });
  return {
    filter: query['filter'] as string,
    order: query['order'] === undefined ? [] : [query['order'] as string],
    offset,
    limit: query['limit'] as number,
  };
}

const nextCursor = (more: boolean, { offset, limit }: { readonly offset: number; readonly limit: number }) =>
  more ? Buffer.from(String(offset + limit)).toString('base64url') : null;
