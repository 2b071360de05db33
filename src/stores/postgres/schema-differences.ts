/**
 * Where a control store's schema is not what the migrations make, and the SQL that puts it right. Pure. Whatever else stands in the
 * schema (an index of the administrator's, a further column) is nobody's drift.
 */
import { sha256 } from '../../lib/canonical.ts';
import type { ControlDifference } from '../control/observed.ts';
import { quoteIdentifier } from './database.ts';
import type { Migration } from './migrations.ts';

export interface SchemaObject {
  readonly kind: 'table' | 'column' | 'constraint' | 'index' | 'trigger' | 'function' | 'sequence';
  readonly table: string | null;
  readonly name: string;
  readonly definition: string;
  /** False: a trigger is disabled, an index is invalid, a constraint was never checked. */
  readonly enabled: boolean;
}

interface ColumnDefinition {
  readonly type: string;
  readonly notNull: boolean;
  readonly default: string | null;
  readonly identity: 'a' | 'd' | null;
}

/** In the order in which the fixes can be run. */
export function schemaDifferences(
  expected: readonly SchemaObject[],
  found: readonly SchemaObject[],
  migrations: readonly Migration[],
): readonly ControlDifference[] {
  const present = new Map(found.map((object) => [keyOf(object), object]));
  const missingTables = tablesInOrder(expected).filter((table) => !present.has(keyOf(tableObject(table))));
  const gone = new Set(missingTables);
  const differences: ControlDifference[] = [];
  // Triggers need their functions; other functions read tables.
  const functions = ofKinds(expected, 'function');
  for (const object of [...functions.filter(isGuard), ...ofKinds(expected, 'sequence')]) add(object);
  for (const table of missingTables) {
    differences.push({
      aspect: 'table',
      object: `mlops.${table}`,
      problem: `The table mlops.${table} is missing, with every row that it had.`,
      fix: `restore it from a backup, or make it empty: ${createTable(table, expected, migrations)}`,
    });
  }
  // A key before what refers to it.
  const rest = ofKinds(expected, 'column', 'constraint', 'index', 'trigger').filter(
    ({ table }) => !gone.has(table ?? ''),
  );
  for (const object of rest.filter((one) => !isForeignKey(one))) add(object);
  for (const object of functions.filter((one) => !isGuard(one))) add(object);
  for (const object of rest.filter(isForeignKey)) add(object);
  return differences;

  function add(object: SchemaObject): void {
    const difference = differenceOf(object, present.get(keyOf(object)));
    if (difference !== undefined) differences.push(difference);
  }
}

function differenceOf(expected: SchemaObject, found: SchemaObject | undefined): ControlDifference | undefined {
  if (found !== undefined && found.definition === expected.definition && found.enabled === expected.enabled)
    return undefined;
  const { kind, name } = expected;
  const aspect = kind === 'trigger' || isGuard(expected) ? 'guard' : 'schema';
  const object = nameOf(expected);
  const fix = `run as the owner of the schema: ${fixOf(expected, found)}`;
  if (found === undefined) return { aspect, object, problem: `The ${object} is missing.`, fix };
  if (found.definition === expected.definition) {
    const state = kind === 'trigger' ? 'is disabled' : kind === 'index' ? 'is invalid' : 'was never checked';
    return { aspect, object, problem: `The ${object} ${state}.`, fix };
  }
  if (kind === 'column') {
    const [is, was] = [columnSql(columnOf(found)), columnSql(columnOf(expected))];
    return { aspect, object, problem: `The ${object} is ${is}; the migrations make it ${was}.`, fix };
  }
  const change =
    kind === 'function'
      ? `has another body (SHA-256 ${sha256(found.definition).slice(0, 12)}) than the migrations give it`
      : `is ${found.definition}; the migrations make it ${expected.definition}`;
  return {
    aspect,
    object: `${object}`,
    problem: `The ${kind} ${kind === 'function' ? `mlops.${name}` : object.slice(kind.length + 1)} ${change}.`,
    fix,
  };
}

function fixOf(expected: SchemaObject, found: SchemaObject | undefined): string {
  const { kind, name, definition } = expected;
  const table = `mlops.${quoted(expected.table ?? '')}`;
  const id = quoted(name);
  switch (kind) {
    case 'function':
      return `${definition.trim()};`;
    case 'sequence':
      // Numbers that were given out must not come again: what has the greater one came later.
      return found === undefined
        ? `create sequence mlops.${id} as ${definition}; select setval('mlops.${id}', (select coalesce(max(s), 0) + 1000 from (select max(sequence) from mlops.feature_parts union all select max(sequence) from mlops.feature_updates) as used (s)));`
        : `alter sequence mlops.${id} as ${definition};`;
    case 'column':
      return found === undefined
        ? `alter table ${table} add column ${id} ${columnSql(columnOf(expected))};`
        : alterColumn(table, id, columnOf(expected), columnOf(found));
    case 'constraint': {
      const add = `alter table ${table} add constraint ${id} ${definition};`;
      if (found === undefined) return add;
      return found.definition === definition
        ? `alter table ${table} validate constraint ${id};`
        : `alter table ${table} drop constraint ${id}; ${add}`;
    }
    case 'index':
      return found === undefined ? `${definition};` : `drop index mlops.${id}; ${definition};`;
    case 'trigger':
      if (found === undefined) return `${definition};`;
      return found.definition === definition
        ? `alter table ${table} enable trigger ${id};`
        : `drop trigger ${id} on ${table}; ${definition};`;
    case 'table':
      return '';
  }
}

function alterColumn(table: string, id: string, expected: ColumnDefinition, found: ColumnDefinition): string {
  const column = `alter table ${table} alter column ${id}`;
  const statements: string[] = [];
  if (found.type !== expected.type) {
    // A default of the other type would stand in the way.
    if (found.default !== null) statements.push(`${column} drop default;`);
    statements.push(`${column} type ${expected.type} using ${id}::text::${expected.type};`);
  }
  if (expected.identity !== found.identity) {
    if (found.identity !== null) statements.push(`${column} drop identity;`);
    if (expected.identity !== null) statements.push(`${column} add ${identitySql(expected.identity)};`);
  }
  if (expected.default === null && found.default !== null && found.type === expected.type)
    statements.push(`${column} drop default;`);
  if (expected.default !== null && (found.default !== expected.default || found.type !== expected.type))
    statements.push(`${column} set default ${expected.default};`);
  if (expected.notNull !== found.notNull) statements.push(`${column} ${expected.notNull ? 'set' : 'drop'} not null;`);
  return statements.join(' ');
}

function createTable(table: string, expected: readonly SchemaObject[], migrations: readonly Migration[]): string {
  const own = expected.filter((object) => object.table === table);
  const lines = [
    ...own.filter(({ kind }) => kind === 'column').map((one) => `${quoted(one.name)} ${columnSql(columnOf(one))}`),
    ...own.filter(({ kind }) => kind === 'constraint').map((one) => `constraint ${quoted(one.name)} ${one.definition}`),
  ];
  const rest = ofKinds(own, 'index', 'trigger').map(({ definition }) => `${definition};`);
  const rows =
    table === 'migrations'
      ? migrations.map(
          ({ version, name, checksum }) =>
            `insert into mlops.migrations (version, name, checksum) values (${version}, '${name}', '${checksum}');`,
        )
      : [];
  return [`create table mlops.${quoted(table)} (${lines.join(', ')});`, ...rest, ...rows].join(' ');
}

/** What is referred to first. */
function tablesInOrder(expected: readonly SchemaObject[]): readonly string[] {
  const order: string[] = [];
  const visit = (table: string): void => {
    if (order.includes(table)) return;
    for (const { definition } of expected.filter((one) => one.table === table && isForeignKey(one))) {
      const other = /REFERENCES mlops\."?(\w+)"?/.exec(definition)?.[1];
      if (other !== undefined && other !== table) visit(other);
    }
    order.push(table);
  };
  for (const { name } of ofKinds(expected, 'table')) visit(name);
  return order;
}

function isGuard({ kind, definition }: SchemaObject): boolean {
  return kind === 'function' && definition.includes('RETURNS trigger');
}

function isForeignKey({ kind, definition }: SchemaObject): boolean {
  return kind === 'constraint' && definition.startsWith('FOREIGN KEY');
}

/** Statements come out as written above: columns first, then what stands on them. */
function ofKinds(objects: readonly SchemaObject[], ...kinds: readonly SchemaObject['kind'][]): readonly SchemaObject[] {
  return kinds.flatMap((kind) => objects.filter((object) => object.kind === kind));
}

function columnOf({ definition }: SchemaObject): ColumnDefinition {
  return JSON.parse(definition) as ColumnDefinition;
}

function columnSql({ type, notNull, default: value, identity }: ColumnDefinition): string {
  return [
    type,
    ...(identity === null ? [] : [identitySql(identity)]),
    ...(value === null ? [] : [`default ${value}`]),
    ...(notNull ? ['not null'] : []),
  ].join(' ');
}

function identitySql(identity: 'a' | 'd'): string {
  return `generated ${identity === 'a' ? 'always' : 'by default'} as identity`;
}

function nameOf({ kind, table, name }: SchemaObject): string {
  if (kind === 'column') return `column mlops.${table}.${name}`;
  return table === null ? `${kind} mlops.${name}` : `${kind} ${name} of mlops.${table}`;
}

const quoted = (name: string): string => (/^[a-z_][a-z0-9_]*$/.test(name) ? name : quoteIdentifier(name));
const tableObject = (table: string): Pick<SchemaObject, 'kind' | 'table' | 'name'> => ({
  kind: 'table',
  table,
  name: table,
});
const keyOf = ({ kind, table, name }: Pick<SchemaObject, 'kind' | 'table' | 'name'>): string =>
  `${kind}/${table}/${name}`;
