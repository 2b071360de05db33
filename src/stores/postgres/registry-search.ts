/** Versions of the registry as Postgres finds them: those that meet conditions, in an order, in pages. */
import { MlopsError } from '../../lib/error.ts';
import type { ModelVersion, VersionCondition, VersionFilter, VersionOrder } from '../control/registry.ts';
import type { Queryable } from './database.ts';
import {
  after,
  numberCondition,
  type OrderKey,
  orderBy,
  type Parameters,
  parameters,
  readCursor,
  textCondition,
  writeCursor,
} from './registry-conditions.ts';

export interface VersionQuery extends Partial<Omit<VersionFilter, 'limit' | 'cursor' | 'order'>> {
  readonly id?: string;
  readonly ids?: readonly string[];
  readonly version?: number;
  /** Also where it was deleted. Default: not. */
  readonly deleted?: boolean;
}

type VersionRow = ModelVersion & { readonly seq: string | number };

const COLUMNS = `v.version_id as id, v.model as name, v.version, v.stage, v.framework, v.metrics, v.hyperparameters, v.artifacts, v.tags, v.lineage,
  v.signature, v.description, v.created_at as "createdAt", v.created_by as "createdBy", v.stage_changed_at as "stageChangedAt",
  v.run_id as "runId", v.source, v.flavour, v.updated_at as "updatedAt", v.seq,
  array(select a.alias from mlops.model_aliases a where a.version_id = v.version_id order by a.alias) as aliases`;

const SEQ: OrderKey = { sql: 'v.seq', type: 'bigint', ascending: false };
const FIELDS = {
  name: 'v.model',
  stage: 'v.stage',
  framework: 'v.framework',
  runId: 'v.run_id',
  source: 'v.source',
  createdBy: 'v.created_by',
} as const;

/** Those that meet it, the last registered first. */
export async function findVersions(
  query: Queryable,
  scopeId: number,
  by: VersionQuery,
  limit = 1,
): Promise<readonly ModelVersion[]> {
  const to = parameters(scopeId);
  const where = conditions(by, to);
  return (await pageOf(query, where, [SEQ], '', to, limit)).map(plain);
}

export async function searchVersions(
  query: Queryable,
  scopeId: number,
  { limit, cursor, order = [], ...filter }: VersionFilter,
): Promise<{ readonly items: readonly ModelVersion[]; readonly nextCursor: string | null }> {
  const to = parameters(scopeId);
  const { keys, joins } = orderKeys(order, to);
  const where = conditions(filter, to);
  // A plain number is what a list in the order of registration answers.
  if (cursor !== undefined)
    where.push(after(keys, order.length === 0 ? [plainCursor(cursor)] : readCursor(cursor, keys), to));
  const rows = await pageOf(query, where, keys, joins, to, limit + 1);
  const items = rows.slice(0, limit);
  const last = items.at(-1);
  const nextCursor =
    rows.length <= limit || last === undefined
      ? null
      : order.length === 0
        ? String(last.seq)
        : writeCursor([...order.map((one) => orderValue(last, one)), last.seq]);
  return { items: items.map(plain), nextCursor };
}

/** The page's rows are found by what is narrow, then read. */
function pageOf(
  query: Queryable,
  where: readonly string[],
  keys: readonly OrderKey[],
  joins: string,
  to: Parameters,
  limit: number,
): Promise<VersionRow[]> {
  return query.query<VersionRow>(
    `with found as materialized (
       select one.seq, row_number() over () as place from (
         select v.seq from mlops.model_versions v ${joins}
         where ${['v.scope_id = $1', ...where].join(' and ')}
         order by ${orderBy(keys)} limit ${to.param(limit)}
       ) as one
     )
     select ${COLUMNS} from found join mlops.model_versions v on v.scope_id = $1 and v.seq = found.seq order by found.place`,
    to.values,
  );
}

function conditions(by: VersionQuery, to: Parameters): string[] {
  const { id, ids, name, version, stage, framework, tags = {}, metrics = [], deleted = false } = by;
  return [
    ...(deleted ? [] : ['v.deleted_at is null']),
    ...(id === undefined ? [] : [`v.version_id = ${to.param(id)}::uuid`]),
    ...(ids === undefined ? [] : [`v.version_id = any(${to.param(ids)}::uuid[])`]),
    ...(name === undefined ? [] : [`v.model = mlops.current_name($1, 'model', ${to.param(name)})`]),
    ...(version === undefined ? [] : [`v.version = ${to.param(version)}::integer`]),
    ...(stage === undefined ? [] : [`v.stage = ${to.param(stage)}`]),
    ...(framework === undefined ? [] : [`v.framework = ${to.param(framework)}`]),
    ...Object.entries(tags).map(([key, value]) => condition({ on: 'tag', key, op: '=', value }, to)),
    ...metrics.map(
      ({ metric, op, value }) =>
        `v.seq in (select m.seq from mlops.model_version_metrics m where m.scope_id = $1 and m.metric = ${to.param(metric)} and ${numberCondition('m.value', op, value, to)})`,
    ),
    ...(by.conditions ?? []).map((one) => condition(one, to)),
  ];
}

function condition(one: VersionCondition, to: Parameters): string {
  if (one.on === 'version') return numberCondition('v.version', one.op, one.value, to);
  if (one.on === 'tag')
    return `v.seq in (select t.seq from mlops.model_version_tags t where t.scope_id = $1 and t.key = ${to.param(one.key)} and ${textCondition('t.value', one.op, one.value, to, { hashed: true })})`;
  return textCondition(FIELDS[one.on], one.op, one.value, to, { hashed: one.on === 'source' });
}

function orderKeys(
  order: readonly VersionOrder[],
  to: Parameters,
): { readonly keys: readonly OrderKey[]; readonly joins: string } {
  const joins: string[] = [];
  const keys = order.map((one, at): OrderKey => {
    const { ascending } = one;
    if (one.by === 'metric') {
      joins.push(
        `join mlops.model_version_metrics o${at} on o${at}.scope_id = $1 and o${at}.metric = ${to.param(one.metric)} and o${at}.seq = v.seq`,
      );
      return { sql: `o${at}.value`, type: 'double precision', ascending };
    }
    if (one.by === 'name') return { sql: 'v.model', type: 'text', ascending };
    if (one.by === 'version') return { sql: 'v.version', type: 'integer', ascending };
    return { sql: one.by === 'createdAt' ? 'v.created_at' : 'v.updated_at', type: 'timestamptz', ascending };
  });
  return { keys: [...keys, SEQ], joins: joins.join(' ') };
}

function orderValue(row: VersionRow, order: VersionOrder): unknown {
  return order.by === 'metric' ? row.metrics[order.metric] : row[order.by];
}

function plainCursor(cursor: string): string {
  if (/^\d{1,18}$/.test(cursor)) return cursor;
  throw new MlopsError('API400', { detail: `The cursor "${cursor}" is not one that a list answered.` });
}

function plain({ seq: _, ...version }: VersionRow): ModelVersion {
  return version;
}
