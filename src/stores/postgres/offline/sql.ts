/** How values, names and types reach Postgres, and which of its types is which of the engine's that speaks for columns. */
import type { Column } from '../../../spec/column.ts';
import { parseDtype } from '../../../spec/dtype.ts';
import type { Dtype, KeyType, ScalarDtype } from '../../../spec/schema-types.ts';
import type { KeyColumn, StoredFeature } from '../../offline-rows.ts';
import { quoteIdentifier } from '../database.ts';
import type { Session } from './warehouse.ts';

export const ident = quoteIdentifier;

export function literal(text: string): string {
  return `'${text.replaceAll("'", "''")}'`;
}

export function list(parts: readonly string[]): string {
  return parts.join(', ');
}

/** A query as a relation; the line break ends a comment on its last line. */
export function subquery(query: string, alias: string): string {
  return `(\n${query.trim().replace(/;+\s*$/, '')}\n) ${alias}`;
}

export const EVENT_TIME = '__event_time';
export const CREATED_TIME = '__created_time';
/** Order of ingestion between parts. */
export const SEQUENCE = '__sequence';
/** Order within a part, or within a snapshot. */
export const ROW = '__row';
/** Which part a row of a feature set belongs to. */
export const PART = '__part';

export function keyColumn(key: KeyColumn): string {
  return ident(key.name);
}

/** A feature that is named like a key, but for case, is stored under a name that says so. */
export function featureColumn(keys: readonly KeyColumn[], feature: Pick<StoredFeature, 'name'>): string {
  const taken = keys.some((key) => key.name.toLowerCase() === feature.name.toLowerCase());
  return ident(taken ? `${SET_APART}${feature.name}` : feature.name);
}

const SET_APART = '__feature_';
const OWN: ReadonlySet<string> = new Set([PART, EVENT_TIME, CREATED_TIME, SEQUENCE, ROW]);

export function isOwnColumn(name: string): boolean {
  return OWN.has(name);
}

export function featureOfColumn(name: string): string {
  return name.startsWith(SET_APART) ? name.slice(SET_APART.length) : name;
}

/** Puts the last of rows that share keys and event time first. */
export const NEWEST_FIRST = `${CREATED_TIME} desc nulls last, ${SEQUENCE} desc, ${ROW} desc`;

export function sameValues(left: string, right: string, columns: readonly string[]): string {
  return columns.map((column) => `${left}.${column} is not distinct from ${right}.${column}`).join(' and ');
}

const DAY = 86_400_000_000n;

/** A timestamp from microseconds since 1970, exact at any distance. */
export function timestampOf(micros: bigint): string {
  return `(timestamp '1970-01-01' + ${micros / DAY} * interval '1 day' + ${micros % DAY} * interval '1 microsecond')`;
}

/** Microseconds since 1970. */
export function microsOf(timestamp: string): string {
  return `(extract(epoch from date_trunc('second', ${timestamp}))::bigint * 1000000 + extract(microseconds from ${timestamp})::bigint % 1000000)`;
}

/** Texts order by their bytes, here as in every other store. */
const TEXT = 'text collate "C"';

const BY_DTYPE: Readonly<Record<ScalarDtype, string>> = {
  bool: 'boolean',
  int32: 'integer',
  int64: 'bigint',
  float32: 'real',
  float64: 'double precision',
  string: TEXT,
  json: TEXT,
  timestamp: 'timestamp',
  date: 'date',
  uuid: 'uuid',
  bytes: 'bytea',
};

/** The scalar that a type is, or that its items are. */
export function itemOf(type: Dtype | KeyType): { readonly item: ScalarDtype; readonly isList: boolean } {
  const dtype = parseDtype(type);
  if (dtype.kind === 'scalar') return { item: dtype.type, isList: false };
  return { item: dtype.kind === 'array' ? dtype.of : 'float32', isList: true };
}

/** An embedding is a list of `real`: the server has no other without an extension. */
export function sqlType(type: Dtype | KeyType): string {
  const { item, isList } = itemOf(type);
  const scalar = BY_DTYPE[item];
  if (!isList) return scalar;
  return scalar === TEXT ? 'text[] collate "C"' : `${scalar}[]`;
}

/** The type that holds a column as the embedded engine describes it. */
export function typeOfColumn({ type }: Column): string {
  const decimal = /^DECIMAL\((\d+),\s*(\d+)\)$/.exec(type);
  if (decimal !== null) return `numeric(${decimal[1]}, ${decimal[2]})`;
  if (/^TIMESTAMP(_S|_MS|_NS)?$/.test(type)) return 'timestamp';
  const item = /^([^[(]*)\[\d*\]$/.exec(type)?.[1];
  if (item !== undefined) {
    const scalar = typeOfColumn({ name: '', type: item });
    return scalar === TEXT ? 'text[] collate "C"' : `${scalar}[]`;
  }
  return BY_ENGINE[type] ?? (/[[(]/.test(type) ? 'json' : TEXT);
}

/** The engine's name of a feature's type. */
export function engineTypeOf(type: Dtype | KeyType): string {
  const { item, isList } = itemOf(type);
  const scalar = item === 'timestamp' ? 'TIMESTAMP' : engineType(BY_DTYPE[item]);
  return isList ? `${scalar}[]` : scalar;
}

const BY_ENGINE: Readonly<Record<string, string>> = {
  BOOLEAN: 'boolean',
  TINYINT: 'smallint',
  SMALLINT: 'smallint',
  UTINYINT: 'smallint',
  INTEGER: 'integer',
  USMALLINT: 'integer',
  BIGINT: 'bigint',
  UINTEGER: 'bigint',
  UBIGINT: 'numeric(39, 0)',
  HUGEINT: 'numeric(39, 0)',
  UHUGEINT: 'numeric(39, 0)',
  FLOAT: 'real',
  DOUBLE: 'double precision',
  DATE: 'date',
  TIME: 'time',
  'TIMESTAMP WITH TIME ZONE': 'timestamptz',
  UUID: 'uuid',
  BLOB: 'bytea',
  JSON: 'json',
};

/** A column of a relation on the server. */
export interface ServerColumn extends Column {
  /** As the server writes its type: `double precision`. */
  readonly serverType: string;
}

const BY_SERVER: Readonly<Record<string, string>> = {
  boolean: 'BOOLEAN',
  smallint: 'SMALLINT',
  integer: 'INTEGER',
  bigint: 'BIGINT',
  real: 'FLOAT',
  'double precision': 'DOUBLE',
  // Sums and averages of whole numbers are numbers without bounds here.
  numeric: 'DOUBLE',
  date: 'DATE',
  uuid: 'UUID',
  bytea: 'BLOB',
  json: 'JSON',
  jsonb: 'JSON',
};

/** The engine's name of a type of the server. What it does not have is text. */
export function engineType(serverType: string): string {
  const numeric = /^numeric\((\d+),(\d+)\)$/.exec(serverType);
  if (numeric !== null) {
    const [precision, scale] = [Number(numeric[1]), Number(numeric[2])];
    return precision === 39 && scale === 0
      ? 'HUGEINT'
      : precision <= 38 && scale <= precision
        ? `DECIMAL(${precision},${scale})`
        : 'DOUBLE';
  }
  if (/^timestamp(\(\d\))? without time zone$/.test(serverType)) return 'TIMESTAMP';
  if (/^timestamp(\(\d\))? with time zone$/.test(serverType)) return 'TIMESTAMP WITH TIME ZONE';
  if (/^time(\(\d\))? without time zone$/.test(serverType)) return 'TIME';
  const item = /^(.*)\[\]$/.exec(serverType)?.[1];
  if (item !== undefined) return `${engineType(item)}[]`;
  return BY_SERVER[serverType] ?? 'VARCHAR';
}

/** The columns that a query would give. */
export async function columnsOf(session: Session, select: string): Promise<readonly ServerColumn[]> {
  const fields = await session.fields(select);
  const types = await session.query<{ type: string }>(
    'select format_type(t, m) as type from unnest($1::oid[], $2::int[]) with ordinality as u (t, m, o) order by o',
    [fields.map((field) => field.dataTypeID), fields.map((field) => field.dataTypeModifier)],
  );
  return fields.map(({ name }, index) => {
    const serverType = types[index]?.type ?? 'text';
    return { name, type: engineType(serverType), serverType };
  });
}

/** A column as the text of `local-tables.ts`: bytes in hexadecimal, lists as JSON. `serverType` may be one of ours. */
export function textOf(column: string, serverType: string): string {
  if (serverType === 'bytea') return `encode(${column}, 'hex')`;
  return /\[\]( collate "C")?$/.test(serverType) ? `array_to_json(${column})` : column;
}

/**
 * The value as `type` where every value of the server's type is one: such a column never has to leave the server. Undefined
 * where it may not fit, or where the store's own rules of reading it are needed.
 */
export function castInPlace(column: string, serverType: string, type: Dtype | KeyType): string | undefined {
  const from = serverType.replace(/\(\d+(,\d+)?\)/, '');
  const dtype = parseDtype(type);
  if (dtype.kind === 'array' && from === `${plainType(dtype.of)}[]`) return `${column}::${sqlType(type)}`;
  if (dtype.kind === 'scalar' && SAFE[dtype.type].includes(from)) {
    if (from === 'timestamp with time zone') return `(${column} at time zone 'UTC')`;
    return `${column}::${sqlType(type)}`;
  }
  return undefined;
}

/** As the server writes it. */
function plainType(type: ScalarDtype): string {
  return type === 'timestamp' ? 'timestamp without time zone' : BY_DTYPE[type].replace(' collate "C"', '');
}

const TEXTS = ['text', 'character varying', 'uuid', 'bigint', 'integer', 'smallint', 'date'];

const SAFE: Readonly<Record<ScalarDtype, readonly string[]>> = {
  bool: ['boolean'],
  int32: ['smallint', 'integer'],
  int64: ['smallint', 'integer', 'bigint'],
  float32: ['real', 'smallint'],
  float64: ['real', 'double precision', 'smallint', 'integer', 'bigint'],
  string: TEXTS,
  json: [],
  timestamp: ['timestamp without time zone', 'timestamp with time zone', 'date'],
  date: ['date'],
  uuid: ['uuid'],
  bytes: ['bytea'],
};
