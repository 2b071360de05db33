/** Queries that are written in another dialect than their store's, translated before the store sees them. */

import type { CanonicalSource } from '../spec/canonical-specs.ts';
import type { Dialect } from '../spec/query-text.ts';
import { forStore, overSources, type QueryText } from '../spec/query-text.ts';
import type { OfflineStore } from '../stores/offline.ts';
import type { Spine } from '../stores/offline-join.ts';
import type { RowPlan } from '../stores/offline-rows.ts';
import type { SnapshotRequest } from '../stores/offline-snapshots.ts';

export function withWrittenQueries(store: OfflineStore, dialect: Dialect): OfflineStore {
  const text = (query: QueryText): Promise<QueryText> => forStore(query, dialect);
  const source = async (spec: CanonicalSource): Promise<CanonicalSource> => {
    const query = overSources(spec);
    return query === undefined ? spec : { ...spec, query: await text(query) };
  };
  const plan = async (rows: RowPlan): Promise<RowPlan> =>
    'query' in rows.from ? { ...rows, from: { query: await text(rows.from.query) } } : rows;
  const spine = async (asked: Spine): Promise<Spine> =>
    'query' in asked ? { ...asked, query: await text(asked.query) } : asked;
  const snapshot = async (request: SnapshotRequest): Promise<SnapshotRequest> => ({
    ...request,
    source: await source(request.source),
  });
  return {
    ...store,
    describe: async (spec, root, inputs) => store.describe(await source(spec), root, inputs),
    describeQuery: async (query, inputs) => store.describeQuery(await text(query), inputs),
    tablesOf: async (query) => store.tablesOf(await text(query)),
    resumeFrom: async (request, signal) => store.resumeFrom(await snapshot(request), signal),
    snapshot: async (request, signal) => store.snapshot(await snapshot(request), signal),
    stage: async (rows, existing, folder, signal) => store.stage(await plan(rows), existing, folder, signal),
    check: async (rows, computed, expectations, signal) =>
      store.check(await plan(rows), computed, expectations, signal),
    join: async (request, signal) => store.join({ ...request, spine: await spine(request.spine) }, signal),
  };
}
