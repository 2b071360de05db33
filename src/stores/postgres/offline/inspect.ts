/** A look at tables by the list of parts and the server's catalogue: no rows are read but the first of each part. Writes nothing. */
import type { Column } from '../../../spec/column.ts';
import type { InspectedTable } from '../../offline.ts';
import { isPart } from './parts.ts';
import { engineType, featureOfColumn, ident, isOwnColumn, PART } from './sql.ts';
import type { Session, Warehouse } from './warehouse.ts';

interface Listed {
  readonly id: string;
  readonly location: string;
  readonly table_name: string;
  readonly rows: string;
  readonly there: boolean;
}

export async function inspectTables(
  warehouse: Warehouse,
  locations: readonly string[],
  signal: AbortSignal,
): Promise<readonly InspectedTable[]> {
  signal.throwIfAborted();
  if (locations.length === 0) return [];
  return warehouse.job(signal, (session) =>
    session.transaction(async () => {
      const listed = await listedParts(warehouse, session, locations);
      const tables = [
        ...new Set([...listed.values()].filter(({ there }) => there).map(({ table_name }) => table_name)),
      ];
      const columns = await columnsByTable(warehouse, session, tables);
      const empty = await emptyParts(warehouse, session, [...listed.values()]);
      return locations.map((location): InspectedTable => {
        const part = listed.get(location);
        if (part?.there !== true) return { location, state: 'missing' };
        if (empty.has(location)) return { location, state: 'damaged', why: 'its rows were deleted' };
        const all = columns.get(part.table_name) ?? [];
        return {
          location,
          state: 'whole',
          rows: Number(part.rows),
          columns: isPart(location) ? ofPart(all) : ofSnapshot(all),
        };
      });
    }, 'read only'),
  );
}

async function listedParts(
  { schema }: Warehouse,
  session: Session,
  locations: readonly string[],
): Promise<ReadonlyMap<string, Listed>> {
  // Nothing was ever written.
  const [store] = await session.query<{ there: boolean }>('select to_regclass($1) is not null as there', [
    `${schema}.parts`,
  ]);
  if (store?.there !== true) return new Map();
  const found = await session.query<Listed & Record<string, unknown>>(
    `select id::text, location, table_name, rows::text, to_regclass($2 || '.' || quote_ident(table_name)) is not null as there
     from ${schema}.parts where location = any($1)`,
    [[...new Set(locations)], schema],
  );
  return new Map(found.map((part) => [part.location, part]));
}

async function columnsByTable(
  { schema }: Warehouse,
  session: Session,
  tables: readonly string[],
): Promise<ReadonlyMap<string, readonly Column[]>> {
  const found = await session.query<{ table_name: string; name: string; type: string }>(
    `select n.table_name, a.attname as name, format_type(a.atttypid, a.atttypmod) as type
     from unnest($1::text[]) n (table_name) join pg_attribute a on a.attrelid = to_regclass($2 || '.' || quote_ident(n.table_name))
     where a.attnum > 0 and not a.attisdropped order by n.table_name, a.attnum`,
    [tables, schema],
  );
  const columns = new Map<string, Column[]>();
  for (const { table_name, name, type } of found)
    columns.set(table_name, [...(columns.get(table_name) ?? []), { name, type: engineType(type) }]);
  return columns;
}

/** Locations whose rows are listed and gone. */
async function emptyParts(
  { schema }: Warehouse,
  session: Session,
  listed: readonly Listed[],
): Promise<ReadonlySet<string>> {
  const asked = listed.filter(({ there, rows }) => there && rows !== '0');
  const byTable = new Map<string, Listed[]>();
  for (const part of asked) byTable.set(part.table_name, [...(byTable.get(part.table_name) ?? []), part]);
  const empty = new Set<string>();
  for (const [table, parts] of byTable) {
    const name = `${schema}.${ident(table)}`;
    const any = `select 1 from ${name} t`;
    const found = await session.query<{ id: string }>(
      `select p.id from unnest($1::text[]) p (id) where not exists (${parts.every(({ location }) => isPart(location)) ? `${any} where t.${PART} = p.id::bigint` : any})`,
      [parts.map(({ id }) => id)],
    );
    for (const part of parts) if (found.some(({ id }) => id === part.id)) empty.add(part.location);
  }
  return empty;
}

function ofPart(columns: readonly Column[]): readonly Column[] {
  return columns
    .filter(({ name }) => !isOwnColumn(name))
    .map(({ name, type }) => ({ name: featureOfColumn(name), type }));
}

function ofSnapshot(columns: readonly Column[]): readonly Column[] {
  return columns.filter(({ name }) => !isOwnColumn(name));
}
