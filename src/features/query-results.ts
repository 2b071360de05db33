/** Results of queries that pipelines run: kept as immutable tables, and written into the feature sets whose columns they have. */
import { digestOf } from '../lib/canonical.ts';
import { MlopsError } from '../lib/error.ts';
import type { QueryText } from '../spec/query-text.ts';
import type { Catalog } from '../stores/control/catalog.ts';
import type { OfflineStore } from '../stores/offline.ts';
import type { RowPlan } from '../stores/offline-rows.ts';
import type { FeatureCall } from './definitions.ts';
import { digests, locations, type Sources } from './ingest.ts';
import { formatTimestamp } from './time.ts';

/** The result of a query, which stays as it is. */
export interface QueryResult {
  /** `pipeline.PIPELINE task TASK`, for messages. */
  readonly of: string;
  /** SHA-256 of its rows. */
  readonly digest: string;
  readonly location: string;
  readonly rows: number;
  readonly bytes: number;
  readonly columns: readonly { readonly name: string; readonly type: string }[];
  /** Source name → digest of the snapshot that was read. */
  readonly sources: Readonly<Record<string, string>>;
}

export interface QueryRequest {
  readonly query: QueryText;
  readonly pipeline: string;
  readonly task: string;
}

/** Over the newest snapshots of the sources that it reads. The same snapshots give the same result, also when run again. */
export async function runQuery(
  parts: { readonly catalog: Catalog; readonly offline: OfflineStore; readonly sources: Sources },
  { query, pipeline, task }: QueryRequest,
  call: FeatureCall,
): Promise<QueryResult> {
  const { catalog, offline, sources } = parts;
  const address = `pipeline.${pipeline}`;
  const of = `pipeline.${pipeline} task ${task}`;
  return sources.reading(of, await sources.readBy(query, address), call, async (snapshots) => {
    const inputs = locations(snapshots);
    const made = await offline
      .snapshot(
        { source: { name: `${pipeline}~${task}`, query }, root: catalog.root ?? '', inputs, lastDigest: null },
        call.signal,
      )
      .catch((error: unknown) => {
        if (!(error instanceof MlopsError)) throw error;
        throw new MlopsError(error.code, { address, detail: error.detail, hint: error.hint, cause: error });
      });
    if (made === undefined) throw new Error('a query that was never run before gives a result');
    return { of, ...made, columns: [...made.columns], sources: digests(snapshots) };
  });
}

/** SHA-256 over the content that the query would read now. */
export async function readsOfQuery(
  { sources }: { readonly sources: Sources },
  query: QueryText,
  call: FeatureCall,
): Promise<string> {
  return sources.reading('cached query', await sources.readBy(query), call, async (snapshots) =>
    digestOf({ query, sources: digests(snapshots) }),
  );
}

/** Whether the result has the keys of a set and every feature that it stores. */
export function missingColumns({ columns }: QueryResult, plan: RowPlan): readonly string[] {
  const there = new Set(columns.map(({ name }) => name.toLowerCase()));
  const needed = [...plan.keys.map(({ name }) => name), ...plan.features.map(({ column }) => column)];
  return needed.filter((name) => !there.has(name.toLowerCase()));
}

/** How rows of a set are read from a result. What has no event time, or no created time, is of that instant. */
export function resultPlan(result: QueryResult, plan: RowPlan, instant: bigint): RowPlan {
  const there = new Set(result.columns.map(({ name }) => name.toLowerCase()));
  const times = [plan.eventTime, ...(plan.createdTime === null ? [] : [plan.createdTime])];
  const added = times
    .filter((name) => !there.has(name.toLowerCase()))
    .map((name) => `, timestamp '${formatTimestamp(instant).slice(0, -1)}' as "${name.replaceAll('"', '""')}"`);
  return {
    ...plan,
    address: `${plan.address} from ${result.of}`,
    from: { query: `select *${added.join('')} from query_result` },
    inputs: { query_result: result.location },
  };
}

/** The nearest of the results that carries the set; undefined where there is none, which is an error where one must. */
export function resultFor(results: readonly QueryResult[], plan: RowPlan, mustCarry: boolean): QueryResult | undefined {
  const [nearest] = results;
  const found = results.find((result) => missingColumns(result, plan).length === 0);
  if (found !== undefined || nearest === undefined || !mustCarry) return found;
  const missing = missingColumns(nearest, plan);
  throw new MlopsError('SP203', {
    address: plan.address,
    detail: `The result of ${nearest.of} has no column ${missing.join(' and ')}, which ${plan.address} needs to be written from it.`,
    hint: `it has: ${nearest.columns.map(({ name }) => name).join(', ')}`,
  });
}
