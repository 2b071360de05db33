/** Materializations that Feast's clients ask for: done when they are answered, or, with `?async=true`, left to runs. */
import { materializationOf } from '../../orchestrator/schedules.ts';
import { sourcesBelow } from '../../stores/control/catalog.ts';
import type { ApiContext } from '../context.ts';
import { type Answer, type Call, json } from '../route.ts';

type Context = Pick<ApiContext, 'features' | 'catalog' | 'orchestrator'>;

export async function materializeViews(
  context: Context,
  views: readonly string[],
  { query, signal, caller }: Call,
): Promise<Answer> {
  if (query['async'] === true) return materializeLater(context, views, query['force'] === true, caller.who);
  const { features, catalog } = context;
  const ingested = new Set<string>();
  const call = { signal, log: () => {} };
  for (const view of views) {
    const resource = catalog.get('feature_set', view);
    for (const source of resource === undefined ? [] : sourcesBelow(catalog, resource)) {
      if (!ingested.has(source)) await features.ingest(source, call);
      ingested.add(source);
    }
    await features.materialize(view, call);
  }
  return json(200, null);
}

async function materializeLater(
  { orchestrator, catalog }: Context,
  views: readonly string[],
  force: boolean,
  who: string,
): Promise<Answer> {
  const busy: string[] = [];
  for (const view of force ? [] : views) {
    for (const status of ['queued', 'running'] as const) {
      const { items } = await orchestrator.list({ pipeline: `feature_set.${view}`, status, limit: 1 });
      if (items.length > 0 && !busy.includes(view)) busy.push(view);
    }
  }
  if (busy.length > 0)
    return json(409, {
      error: `Cannot start async materialization: the following feature views are already in MATERIALIZING state: ${busy.join(', ')}. Use ?force=true to override.`,
      feature_views: busy,
    });
  for (const view of views) {
    const resource = catalog.get('feature_set', view);
    const pipeline = materializationOf(view, resource === undefined ? [] : sourcesBelow(catalog, resource));
    await orchestrator.submit({ pipeline, cause: { kind: 'api', who, schedule: null, instant: null } });
  }
  return json(202, { status: 'accepted', feature_views: views });
}
