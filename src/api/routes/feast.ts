/** What Feast's feature server answers, so that Feast's clients work: see docs/feast.md. */
import { PUSH_TARGETS, type PushTarget } from '../../features/push.ts';
import { parseTimestamp } from '../../features/time.ts';
import type { ApiContext } from '../context.ts';
import { feastAnswerText } from '../feast/answer.ts';
import { feastError, feastRefusal } from '../feast/errors.ts';
import { type Frame, rowsOf } from '../feast/frame.ts';
import { materializeViews } from '../feast/materialize.ts';
import { readViews } from '../feast/read.ts';
import { askedFeatures, type GetOnlineFeatures, joinKeys } from '../feast/request.ts';
import { JsonText } from '../json.ts';
import { json, type Route } from '../route.ts';
import { untypedKey } from '../short-feature-set.ts';

const tag = 'feast';
const NAMES = { type: ['array', 'null'], items: { type: 'string' } } as const;
const FLAG = { type: 'boolean' } as const;
const FRAME = {
  type: 'object',
  minProperties: 1,
  description: 'Column to values. Event times stand under the column of the set, or `event_timestamp`.',
} as const;

type Context = Pick<ApiContext, 'features' | 'catalog' | 'scope' | 'readiness' | 'orchestrator'>;

export function feastRoutes(context: Context): readonly Route[] {
  const { features, catalog, scope } = context;

  function viewsNamed(names: readonly string[] | null | undefined): readonly string[] {
    const views = names ?? catalog.list('feature_set').map(({ name }) => name);
    for (const view of views) requireView(view);
    return views;
  }

  function requireView(view: string): void {
    if (catalog.get('feature_set', view) === undefined)
      throw feastError(
        'FeatureViewNotFoundException',
        404,
        `Feature view ${view} does not exist in project ${scope.project}`,
      );
  }

  const shared = { method: 'POST', tag, refuse: feastRefusal, exactIntegers: true } as const;
  const query = {
    async: { type: 'boolean', default: false, description: 'Answer 202 at once; runs do it.' },
    force: { type: 'boolean', default: false, description: 'Also where one is under way.' },
  };
  const materialized = {
    200: { description: 'Done.' },
    202: { description: 'Begun.' },
    409: { description: 'Under way.' },
  };

  return [
    {
      ...shared,
      path: '/get-online-features',
      operationId: 'feastGetOnlineFeatures',
      summary: "Features of entities as of now, as Feast's feature server answers.",
      body: {
        type: 'object',
        required: ['entities'],
        properties: {
          entities: { type: 'object', additionalProperties: { type: 'array', maxItems: 10_000 } },
          features: { type: 'array', items: { type: 'string' }, description: '`view:feature` or `view@v2:feature`.' },
          feature_service: { type: ['string', 'null'] },
          full_feature_names: FLAG,
          include_feature_view_version_metadata: FLAG,
        },
      },
      answers: { 200: { description: 'A result a feature, after one a join key.' } },
      handle: async ({ body, caller }) => {
        const asked = body as GetOnlineFeatures;
        const wanted = askedFeatures(asked, catalog, scope.project);
        const keys = joinKeys(asked, wanted, catalog);
        const count = keys[0]?.[1].length ?? 0;
        const rows = Array.from({ length: count }, (_, row) =>
          untypedKey(Object.fromEntries(keys.map(([name, values]) => [name, values[row]]))),
        );
        const found = rows.filter((row) => Object.values(row).every((value) => value !== null));
        const read = await readViews(features.reader, found, wanted, caller.who);
        const views = [...new Set(wanted.map(({ view }) => view))];
        let next = 0;
        const text = feastAnswerText({
          entities: keys,
          columns: wanted.map(({ name }, at) => ({ name, dtype: read.dtypes[at] ?? 'string', at })),
          rows: rows.map((row) => (found[next] === row ? read.rows[next++] : undefined)),
          ...(asked.include_feature_view_version_metadata === true && {
            views: await Promise.all(
              views.map(async (name) => ({ name, version: (await features.describe(name)).servingVersion ?? 0 })),
            ),
          }),
        });
        return json(200, new JsonText(text));
      },
    },
    {
      ...shared,
      path: '/push',
      operationId: 'feastPush',
      summary: "Rows of a push source, which is a feature set by name, as Feast's clients push them.",
      body: {
        type: 'object',
        required: ['push_source_name', 'df'],
        properties: {
          push_source_name: { type: 'string' },
          df: FRAME,
          to: { type: 'string', description: 'online (the default), offline or online_and_offline.' },
          allow_registry_cache: FLAG,
          transform_on_write: FLAG,
        },
      },
      answers: { 200: { description: 'Accepted, all of them.' } },
      handle: async ({ body }) => {
        const asked = body as { push_source_name: string; df: Frame; to?: string };
        const to = PUSH_TARGETS.find((target) => target === (asked.to ?? 'online'));
        if (to === undefined)
          throw feastError(
            'FeastError',
            422,
            `${asked.to} is not a supported push format. Please specify one of these ['online', 'offline', 'online_and_offline'].`,
          );
        if (catalog.get('feature_set', asked.push_source_name) === undefined)
          throw feastError(
            'PushSourceNotFoundException',
            422,
            `Unable to find push source '${asked.push_source_name}'.`,
          );
        await push(asked.push_source_name, asked.df, to);
        return { kind: 'empty', status: 200 };
      },
    },
    {
      ...shared,
      path: '/write-to-online-store',
      operationId: 'feastWriteToOnlineStore',
      summary: "Rows of a feature view, served and not trained on, as Feast's remote online store writes them.",
      body: {
        type: 'object',
        required: ['feature_view_name', 'df'],
        properties: {
          feature_view_name: { type: 'string' },
          df: FRAME,
          allow_registry_cache: FLAG,
          transform_on_write: FLAG,
        },
      },
      answers: { 200: { description: 'Written, all of them.' } },
      handle: async ({ body }) => {
        const asked = body as { feature_view_name: string; df: Frame };
        if (catalog.get('feature_set', asked.feature_view_name) === undefined)
          throw feastError(
            'FeastObjectNotFoundException',
            404,
            `Can't recognize feast object with a name ${asked.feature_view_name}`,
          );
        await push(asked.feature_view_name, asked.df, 'online');
        return json(200, null);
      },
    },
    {
      ...shared,
      path: '/materialize-incremental',
      operationId: 'feastMaterializeIncremental',
      summary: 'Materialize feature views: what is new of their sources, offline and online.',
      query,
      body: {
        type: 'object',
        required: ['end_ts'],
        properties: { end_ts: { type: 'string' }, feature_views: NAMES },
      },
      answers: materialized,
      handle: async (call) => {
        const asked = call.body as { end_ts: string; feature_views?: readonly string[] | null };
        timeOf(asked.end_ts);
        return materializeViews(context, viewsNamed(asked.feature_views), call);
      },
    },
    {
      ...shared,
      path: '/materialize',
      operationId: 'feastMaterialize',
      summary: 'The same: what is stored already is not computed again, whatever the range.',
      query,
      body: {
        type: 'object',
        properties: {
          start_ts: { type: ['string', 'null'] },
          end_ts: { type: ['string', 'null'] },
          feature_views: NAMES,
          disable_event_timestamp: FLAG,
        },
      },
      answers: materialized,
      handle: async (call) => {
        const asked = call.body as {
          start_ts?: string | null;
          end_ts?: string | null;
          feature_views?: readonly string[] | null;
          disable_event_timestamp?: boolean;
        };
        if (asked.disable_event_timestamp !== true) {
          if (!asked.start_ts || !asked.end_ts)
            throw feastError(
              'FeastError',
              422,
              'start_ts and end_ts are required when disable_event_timestamp is False',
            );
          if (timeOf(asked.start_ts) >= timeOf(asked.end_ts))
            throw feastError('FeastError', 422, `start_ts (${asked.start_ts}) must be before end_ts (${asked.end_ts})`);
        }
        return materializeViews(context, viewsNamed(asked.feature_views), call);
      },
    },
    {
      method: 'GET',
      path: '/health',
      operationId: 'feastHealth',
      summary: "Whether requests can be served now, as Feast's feature server tells it.",
      tag,
      open: true,
      answers: { 200: { description: 'They can.' }, 503: { description: 'They cannot.' } },
      handle: async () => {
        const checks = Object.values(await context.readiness());
        return { kind: 'empty', status: checks.every((problem) => problem === null) ? 200 : 503 };
      },
    },
  ];

  async function push(set: string, frame: Frame, to: PushTarget): Promise<void> {
    const rows = rowsOf(frame).map(untypedKey);
    if (rows.length > 0) await features.pushRows(set, rows, { to, extra: 'ignore', epochSeconds: true });
  }
}

function timeOf(text: string): bigint {
  const time = parseTimestamp(text);
  if (time !== undefined) return time;
  throw feastError('FeastError', 422, `Invalid timestamp format: ${text}`);
}
