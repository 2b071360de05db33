/** Registered models as Postgres finds them, in pages. */
import type { ModelCondition, ModelFilter, RegisteredModel } from '../control/registry-labels.ts';
import type { Queryable } from './database.ts';
import {
  after,
  type OrderKey,
  orderBy,
  type Parameters,
  parameters,
  readCursor,
  textCondition,
  writeCursor,
} from './registry-conditions.ts';

const FIELDS: Readonly<Record<NonNullable<ModelFilter['order']>['by'], OrderKey>> = {
  name: { sql: 'm.name', type: 'text', ascending: true },
  createdAt: { sql: 'm.created_at', type: 'timestamptz', ascending: true },
  updatedAt: { sql: 'm.updated_at', type: 'timestamptz', ascending: true },
};

export async function searchModels(
  query: Queryable,
  scopeId: number,
  { conditions = [], order = { by: 'name', ascending: true }, limit, cursor }: ModelFilter,
): Promise<{ readonly items: readonly RegisteredModel[]; readonly nextCursor: string | null }> {
  const to = parameters(scopeId);
  const first = { ...FIELDS[order.by], ascending: order.ascending };
  const keys = order.by === 'name' ? [first] : [first, FIELDS.name];
  const where = ['m.scope_id = $1', 'm.deleted_at is null', ...conditions.map((one) => condition(one, to))];
  if (cursor !== undefined) where.push(after(keys, readCursor(cursor, keys), to));
  const rows = await query.query<RegisteredModel & Record<string, unknown>>(
    `select m.name, m.description, m.tags, m.created_at as "createdAt", m.updated_at as "updatedAt",
            coalesce((select json_object_agg(a.alias, v.version order by a.alias)
                        from mlops.model_aliases a join mlops.model_versions v using (version_id)
                       where a.scope_id = m.scope_id and a.model = m.name), '{}') as aliases,
            counted.versions, counted.latest
       from (select m.* from mlops.models m where ${where.join(' and ')} order by ${orderBy(keys)} limit ${to.param(limit + 1)}) m
      cross join lateral (select count(*)::integer as versions, coalesce(max(v.version), 0) as latest from mlops.model_versions v
                           where v.scope_id = m.scope_id and v.model = m.name and v.deleted_at is null) counted
      order by ${orderBy(keys)}`,
    to.values,
  );
  const items = rows.slice(0, limit);
  const last = items.at(-1);
  const nextCursor =
    rows.length <= limit || last === undefined
      ? null
      : writeCursor(order.by === 'name' ? [last.name] : [last[order.by], last.name]);
  return { items, nextCursor };
}

function condition(one: ModelCondition, to: Parameters): string {
  if (one.on === 'name') return textCondition('m.name', one.op, one.value, to);
  return `m.tags ? ${to.param(one.key)} and ${textCondition(`(m.tags ->> ${to.param(one.key)})`, one.op, one.value, to)}`;
}
