/** Rows as text in files: how they go to a store on a server, and come from it. */
import type { Column } from '../../spec/column.ts';
import type { TextTable } from '../local-tables.ts';
import type { Session } from './engine.ts';
import { ident, list, literal } from './sql.ts';

/** The longest row that is read, in bytes. */
const LONGEST_ROW = 8 * 2 ** 20;
const BUFFER_BYTES = 2 * LONGEST_ROW;

/** The rows as a relation with the columns' types, in their order. */
export function textRelation({ path, columns }: TextTable): string {
  const declared = columns.map(({ type }, index) => `'c${index}': ${literal(isPlain(type) ? type : 'VARCHAR')}`);
  const read = `read_csv(${literal(path)}, auto_detect = false, header = false, delim = ',', quote = '"', escape = '"', new_line = '\\n', nullstr = '',
    allow_quoted_nulls = false, parallel = false, max_line_size = ${LONGEST_ROW}, buffer_size = ${BUFFER_BYTES}, columns = {${list(declared)}})`;
  return `(select ${list(columns.map((column, index) => `${readAs(`c${index}`, column.type)} as ${ident(column.name)}`))} from ${read})`;
}

/** Writes the rows of a relation with these columns, in its order. */
export async function writeText(
  session: Session,
  relation: string,
  columns: readonly Column[],
  path: string,
): Promise<void> {
  const select = columns.map(({ name, type }) => `${writtenAs(ident(name), type)} as ${ident(name)}`);
  await session.run(
    `copy (select ${list(select)} from ${relation}) to ${literal(path)} (format csv, header false, delimiter ',', quote '"', escape '"', nullstr '', use_tmp_file false)`,
  );
}

function isPlain(type: string): boolean {
  return type !== 'BLOB' && type !== 'JSON' && !isNested(type);
}

function isNested(type: string): boolean {
  return type.endsWith(']') || /^(STRUCT|MAP|UNION)\b/.test(type);
}

/** Of a list of scalars. */
function itemOf(type: string): string | undefined {
  return /^([^[(]+)\[\d*\]$/.exec(type)?.[1];
}

function readAs(column: string, type: string): string {
  if (type === 'BLOB') return `unhex(${column})`;
  if (type === 'JSON') return `${column}::json`;
  const item = itemOf(type);
  if (item === undefined) return isNested(type) ? `(${column}::json)::${type}` : column;
  // In JSON the server writes bytes as it does in text, and numbers that JSON lacks as texts.
  const value = item === 'BLOB' ? 'unhex(substr(x, 3))' : `x::${item}`;
  return `list_transform(from_json(${column}, '["VARCHAR"]'), lambda x: ${value})`;
}

function writtenAs(column: string, type: string): string {
  const item = itemOf(type);
  if (item === undefined) return isNested(type) ? `to_json(${column})` : scalarAs(column, type);
  const quoted = `'"' || replace(replace((${scalarAs('x', item)})::varchar, '\\', '\\\\'), '"', '\\"') || '"'`;
  const items = `list_transform(${column}, lambda x: case when x is null then 'NULL' else ${quoted} end)`;
  return `case when ${column} is not null then '{' || coalesce(array_to_string(${items}, ','), '') || '}' end`;
}

function scalarAs(column: string, type: string): string {
  // The server reads it with this in front, and only so.
  if (type === 'BLOB') return `'\\x' || hex(${column})`;
  return /^TIMESTAMP_/.test(type) ? `${column}::timestamp` : column;
}
