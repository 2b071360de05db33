/**
 * Which columns each output of a query depends on, from its syntax tree: those that its expression reads, and those that
 * decide which rows there are and in what order (where, joins, grouping, having, qualify, distinct, order, set operations).
 * What is not understood for certain makes the answer null, never short: an unknown node, clause, name or table function,
 * and names of columns that stand in the text more often than in the tree.
 */
import type { Column } from './column.ts';
import { codeOf } from './sql-text.ts';

/** Columns as `table` and a tab and `column`; with an empty column: which rows the table has. Sorted. */
export type Reads = readonly string[];

export interface QueryOutput {
  /** Null where the engine gives it one. */
  readonly name: string | null;
  /** Null: may be any. */
  readonly reads: Reads | null;
}

/** `*` of a table whose columns are not known. */
export interface OpenStar {
  readonly table: string;
  /** In lower case. */
  readonly except: readonly string[];
  /** What each of its columns depends on beside itself. */
  readonly reads: Reads;
}

export interface QueryLineage {
  readonly outputs: readonly QueryOutput[];
  readonly stars: readonly OpenStar[];
  /** What decides which rows there are. */
  readonly rows: Reads;
}

export type TableColumns = ReadonlyMap<string, readonly Column[] | undefined>;

export const readKey = (table: string, column: string): string => `${table}\t${column}`;

/** Null where it cannot be told. `trees`: the statements that the parser answered for `sql`. */
export function queryLineage(sql: string, trees: unknown, tables: TableColumns): QueryLineage | null {
  if (!Array.isArray(trees) || trees.length !== 1 || !holdsEveryName(sql, trees, tables)) return null;
  try {
    const { outputs, stars, rows } = relationOf(trees[0], { tables, ctes: new Map(), outer: undefined });
    return {
      outputs: outputs.map(({ name, deps }) => ({ name, reads: deps === undefined ? null : sorted(deps) })),
      stars: stars.map(({ table, except, deps }) => ({ table, except: [...except], reads: sorted(deps) })),
      rows: sorted(rows),
    };
  } catch (error) {
    if (error instanceof Untold) return null;
    throw error;
  }
}

/** What the output of that name depends on; null where it cannot be told. */
export function readsOf({ outputs, stars }: QueryLineage, name: string): Reads | null {
  const lower = name.toLowerCase();
  const found = outputs.filter((output) => output.name?.toLowerCase() === lower);
  const open = stars.filter(({ except }) => !except.includes(lower));
  if (found.length === 0 && open.length !== 1) return null;
  if (open.length > 1 || found.some(({ reads }) => reads === null)) return null;
  return sorted(
    new Set([
      ...found.flatMap(({ reads }) => reads ?? []),
      ...open.flatMap(({ table, reads }) => [readKey(table, name), ...reads]),
    ]),
  );
}

type Deps = ReadonlySet<string>;

interface Output {
  readonly name: string | null;
  /** Undefined: may be any. */
  readonly deps: Deps | undefined;
}

interface Star {
  readonly table: string;
  readonly except: ReadonlySet<string>;
  readonly deps: Deps;
}

interface Relation {
  readonly outputs: readonly Output[];
  readonly stars: readonly Star[];
  readonly rows: Deps;
}

interface Visible extends Relation {
  readonly alias: string;
  /** The right side of a semi or anti join: its columns are for the condition alone. */
  readonly hidden: boolean;
}

/** Where names are looked up. */
interface Scope {
  readonly relations: readonly Visible[];
  readonly aliases: readonly Output[];
  /** A name may mean an output even where a table has such a column: what is behind the select list. */
  readonly aliasesFirst: boolean;
  /** Columns that joins merge, in lower case. */
  readonly merged: ReadonlySet<string>;
  readonly windows: ReadonlyMap<string, Deps>;
  /** Parameters of lambdas and comprehensions, in lower case. */
  readonly bound: ReadonlySet<string>;
  readonly env: Env;
}

interface Env {
  readonly tables: TableColumns;
  /** By name in lower case; undefined: it reads itself, or cannot be told. */
  readonly ctes: ReadonlyMap<string, Relation | undefined>;
  readonly outer: Scope | undefined;
}

/** It cannot be told. Caught where an output or the whole may be null. */
class Untold extends Error {}

function untold(): never {
  throw new Untold('the lineage cannot be told');
}

type Node = Readonly<Record<string, unknown>>;

const isNode = (value: unknown): value is Node => typeof value === 'object' && value !== null && !Array.isArray(value);
const nodesOf = (value: unknown): readonly Node[] => (Array.isArray(value) ? value.filter(isNode) : []);

/** Nodes are objects with one member, named for what they are. */
function kindOf(value: unknown): readonly [string, Node] {
  if (!isNode(value)) untold();
  const [kind, ...more] = Object.keys(value);
  const content = kind === undefined ? undefined : value[kind];
  if (kind === undefined || more.length > 0 || !isNode(content)) untold();
  return [kind, content];
}

function nameIn(value: unknown): string | undefined {
  const name = isNode(value) ? value['name'] : undefined;
  return typeof name === 'string' ? name : undefined;
}

const isEmpty = (value: unknown): boolean =>
  value === null || value === undefined || value === false || (Array.isArray(value) && value.length === 0);

/** A member that is not known may mean anything. */
function only(node: Node, known: ReadonlySet<string>): void {
  for (const [key, value] of Object.entries(node)) if (!known.has(key) && !isEmpty(value)) untold();
}

const union = (...all: readonly Deps[]): Deps => new Set(all.flatMap((deps) => [...deps]));
const sorted = (deps: Iterable<string>): string[] => [...deps].sort();
const NONE: Deps = new Set();

const SET_OPERATIONS: ReadonlySet<string> = new Set(['union', 'intersect', 'except']);

/** A query: a select, a set operation, rows written out, or one of these in parentheses. */
function relationOf(value: unknown, env: Env): Relation {
  const [kind, node] = kindOf(value);
  if (kind === 'select') return selected(node, env);
  if (SET_OPERATIONS.has(kind)) return combined(kind, node, env);
  if (kind === 'subquery') return inParentheses(node, env);
  if (kind === 'paren') return relationOf(node['this'], env);
  if (kind === 'values') {
    const rows = nodesOf(node['expressions']).map((row) =>
      Array.isArray(row['expressions']) ? row['expressions'] : [],
    );
    const deps = depsIn(rows, emptyScope(env));
    return { outputs: (rows[0] ?? []).map((_, index) => ({ name: `col${index}`, deps })), stars: [], rows: NONE };
  }
  return untold();
}

const SUBQUERY = new Set([
  ...[
    'this',
    'alias',
    'column_aliases',
    'alias_explicit_as',
    'alias_keyword',
    'order_by',
    'limit',
    'offset',
    'lateral',
  ],
  ...['modifiers_inside', 'trailing_comments', 'leading_comments', 'inferred_type'],
]);

function inParentheses(node: Node, env: Env): Relation {
  only(node, SUBQUERY);
  return ordered(renamed(relationOf(node['this'], env), node['column_aliases']), node, env);
}

/** `order by` and `limit` behind a query: names are those of its outputs. */
function ordered(relation: Relation, node: Node, env: Env): Relation {
  if (isEmpty(node['order_by']) && isEmpty(node['limit']) && isEmpty(node['offset'])) return relation;
  const scope = { ...emptyScope(env), relations: [{ ...relation, alias: '', hidden: false }] };
  const deps = union(
    orderDeps(node['order_by'], scope, relation.outputs, relation.stars),
    depsIn(node['limit'], scope),
    depsIn(node['offset'], scope),
  );
  return withRows(relation, deps);
}

function withRows({ outputs, stars, rows }: Relation, more: Deps): Relation {
  return {
    outputs: outputs.map(({ name, deps }) => ({ name, deps: deps === undefined ? undefined : union(deps, more) })),
    stars: stars.map((star) => ({ ...star, deps: union(star.deps, more) })),
    rows: union(rows, more),
  };
}

/** `as t(a, b)`. */
function renamed(relation: Relation, aliases: unknown): Relation {
  if (isEmpty(aliases)) return relation;
  const names = nodesOf(aliases).map(nameIn);
  if (relation.stars.length > 0 || names.includes(undefined)) untold();
  return {
    ...relation,
    outputs: relation.outputs.map((output, index) => ({ ...output, name: names[index] ?? output.name })),
  };
}

const SET_OPERATION = new Set([
  ...['left', 'right', 'all', 'distinct', 'with', 'order_by', 'limit', 'offset', 'by_name', 'leading_comments'],
]);

function combined(kind: string, node: Node, env: Env): Relation {
  only(node, SET_OPERATION);
  const inside = withCtes(node['with'], env);
  const [left, right] = [relationOf(node['left'], inside), relationOf(node['right'], inside)];
  const byName = node['by_name'] === true;
  if (!byName && left.stars.length + right.stars.length > 0) untold();
  const both = byName ? joinedByName(left, right) : joinedByPlace(left, right);
  const keepsAll = kind === 'union' && node['all'] === true;
  const deciding = keepsAll ? NONE : everyColumn(both);
  return ordered(withRows(both, union(left.rows, right.rows, deciding)), node, inside);
}

function joinedByPlace(left: Relation, right: Relation): Relation {
  if (left.outputs.length !== right.outputs.length) untold();
  return {
    outputs: left.outputs.map(({ name, deps }, index) => {
      const other = right.outputs[index]?.deps;
      return { name, deps: deps === undefined || other === undefined ? undefined : union(deps, other) };
    }),
    stars: [],
    rows: union(left.rows, right.rows),
  };
}

function joinedByName(left: Relation, right: Relation): Relation {
  if ([...left.outputs, ...right.outputs].some(({ name }) => name === null)) untold();
  // Two of one name are found together when it is looked up.
  return {
    outputs: [...left.outputs, ...right.outputs],
    stars: [...left.stars, ...right.stars],
    rows: union(left.rows, right.rows),
  };
}

/** Of all outputs together. */
function everyColumn({ outputs, stars }: Pick<Relation, 'outputs' | 'stars'>): Deps {
  if (stars.length > 0) untold();
  return union(...outputs.map(({ deps }) => deps ?? untold()));
}

const WITH = new Set(['ctes', 'recursive', 'leading_comments']);
const CTE = new Set([
  'alias',
  'this',
  'columns',
  'materialized',
  'alias_first',
  'leading_comments',
  'trailing_comments',
]);

function withCtes(node: unknown, env: Env): Env {
  if (isEmpty(node)) return env;
  if (!isNode(node)) return untold();
  only(node, WITH);
  const ctes = new Map(env.ctes);
  for (const cte of nodesOf(node['ctes'])) {
    only(cte, CTE);
    const name = nameIn(cte['alias'])?.toLowerCase() ?? untold();
    // A name that is looked up inside itself is recursive, where that is allowed.
    const inside = node['recursive'] === true ? new Map(ctes).set(name, undefined) : ctes;
    ctes.set(
      name,
      orUndefined(() => renamed(relationOf(cte['this'], { ...env, ctes: inside }), cte['columns'])),
    );
  }
  return { ...env, ctes };
}

function orUndefined<T>(body: () => T): T | undefined {
  try {
    return body();
  } catch (error) {
    if (error instanceof Untold) return undefined;
    throw error;
  }
}

function emptyScope(env: Env): Scope {
  return { relations: [], aliases: [], aliasesFirst: false, merged: NONE, windows: new Map(), bound: NONE, env };
}

const SELECT = new Set([
  ...['expressions', 'from', 'joins', 'where_clause', 'group_by', 'having', 'qualify', 'order_by', 'limit', 'offset'],
  ...['fetch', 'distinct', 'distinct_on', 'windows', 'with', 'sample', 'leading_comments', 'trailing_comments'],
]);

function selected(node: Node, env: Env): Relation {
  only(node, SELECT);
  const inside = withCtes(node['with'], env);
  const { scope: from, deciding } = fromScope(node, inside);
  const windows = new Map<string, Deps>();
  for (const window of nodesOf(node['windows']))
    windows.set(nameIn(window['name'])?.toLowerCase() ?? untold(), depsIn(window['spec'], { ...from, windows }));
  const projections = Array.isArray(node['expressions']) ? node['expressions'] : [];
  const outputs: Output[] = [];
  const stars: Star[] = [];
  for (const projection of projections) {
    const yielded = projected(projection, { ...from, windows, aliases: outputs });
    outputs.push(...yielded.outputs);
    stars.push(...yielded.stars);
  }
  const scope = { ...from, windows, aliases: outputs };
  const behind = { ...scope, aliasesFirst: true };
  const rows = union(
    deciding,
    depsIn(node['where_clause'], scope),
    depsIn(node['having'], behind),
    depsIn(node['qualify'], behind),
    depsIn(node['limit'], scope),
    depsIn(node['offset'], scope),
    depsIn(node['distinct_on'], behind),
    groupDeps(node['group_by'], scope, projections, stars),
    orderDeps(node['order_by'], behind, outputs, stars),
    node['distinct'] === true && isEmpty(node['distinct_on']) ? everyColumn({ outputs, stars }) : NONE,
    ...projections.filter(makesRows).map((projection) => depsIn(projection, scope)),
  );
  return withRows({ outputs, stars, rows: NONE }, rows);
}

/** `unnest(…)` among the outputs: as many rows as the list has elements. */
const ROW_MAKERS = /^(unnest|explode|flatten|generate_subscripts)/i;

function makesRows(value: unknown): boolean {
  if (Array.isArray(value)) return value.some(makesRows);
  if (!isNode(value)) return false;
  return Object.entries(value).some(
    ([key, member]) =>
      (isNode(member) && (ROW_MAKERS.test(key) || (key === 'function' && ROW_MAKERS.test(nameIn(member) ?? '')))) ||
      makesRows(member),
  );
}

const FROM = new Set(['expressions', 'leading_comments', 'trailing_comments']);
const JOIN = new Set([
  ...['this', 'on', 'using', 'kind', 'use_inner_keyword', 'use_outer_keyword', 'deferred_condition', 'nesting_group'],
  ...['comments', 'leading_comments', 'trailing_comments'],
]);
const JOINED_TABLE = new Set(['left', 'joins', 'leading_comments', 'trailing_comments']);

function fromScope(node: Node, env: Env): { readonly scope: Scope; readonly deciding: Deps } {
  const relations: Visible[] = [];
  const merged = new Set<string>();
  const conditions: unknown[] = [];
  const natural = new Set<string>();
  const current = (): Scope => ({ ...emptyScope(env), relations: [...relations], merged });
  const add = (item: unknown, hidden: boolean): void => {
    const [kind, content] = kindOf(item);
    if (kind === 'joined_table') {
      only(content, JOINED_TABLE);
      add(content['left'], hidden);
      join(content['joins'], hidden);
    } else relations.push({ ...fromItem(kind, content, env, current()), hidden });
  };
  const join = (joins: unknown, hidden: boolean): void => {
    for (const one of nodesOf(joins)) {
      only(one, JOIN);
      const kind = String(one['kind']);
      if (/apply|lateral|array/i.test(kind)) untold();
      const left = [...relations];
      add(one['this'], hidden || /semi|anti/i.test(kind));
      conditions.push(one['on']);
      const names = /natural/i.test(kind) ? commonNames(left, relations.slice(left.length)) : namesIn(one['using']);
      for (const name of names) natural.add(name);
    }
  };
  const from = node['from'];
  if (isNode(from)) {
    only(from, FROM);
    for (const item of Array.isArray(from['expressions']) ? from['expressions'] : []) add(item, false);
  }
  join(node['joins'], false);
  for (const name of natural) merged.add(name);
  const scope = current();
  // A merged column is looked up on both sides.
  const keys = [...natural].map((name) => lookUp(name, scope));
  const deciding = union(
    ...relations.map(({ rows }) => rows),
    ...keys,
    ...conditions.map((condition) => depsIn(condition, scope)),
  );
  return { scope: { ...scope, relations: relations.filter(({ hidden }) => !hidden) }, deciding };
}

function namesIn(using: unknown): readonly string[] {
  return nodesOf(using).map((name) => nameIn(name)?.toLowerCase() ?? untold());
}

function commonNames(left: readonly Relation[], right: readonly Relation[]): readonly string[] {
  const names = (relations: readonly Relation[]): readonly string[] =>
    relations.flatMap(({ outputs, stars }) => {
      if (stars.length > 0) untold();
      return outputs.map(({ name }) => name?.toLowerCase() ?? untold());
    });
  const known = new Set(names(left));
  return names(right).filter((name) => known.has(name));
}

const TABLE = new Set([
  ...['name', 'alias', 'alias_explicit_as', 'column_aliases', 'table_sample', 'trailing_comments', 'span'],
  ...['leading_comments', 'inferred_type'],
]);
const ALIAS = new Set([
  ...['this', 'alias', 'column_aliases', 'alias_explicit_as', 'alias_keyword', 'pre_alias_comments'],
  ...['trailing_comments', 'leading_comments', 'inferred_type'],
]);
/** Table functions whose rows follow from their arguments and nothing else. */
const COMPUTED_TABLES = /^(unnest|range|generate_series)$/;

function fromItem(kind: string, node: Node, env: Env, beside: Scope): Omit<Visible, 'hidden'> {
  if (kind === 'table') {
    only(node, TABLE);
    const name = nameIn(node['name']) ?? untold();
    const relation = renamed(tableNamed(name, env), node['column_aliases']);
    return { ...relation, alias: (nameIn(node['alias']) ?? name).toLowerCase() };
  }
  // What stands behind the others may read their columns.
  if (kind === 'subquery')
    return {
      ...inParentheses(node, { ...env, outer: { ...beside, env } }),
      alias: nameIn(node['alias'])?.toLowerCase() ?? '',
    };
  if (kind === 'alias') {
    only(node, ALIAS);
    const [inner, content] = kindOf(node['this']);
    const alias = nameIn(node['alias'])?.toLowerCase() ?? untold();
    if (inner === 'paren') {
      const relation = relationOf(content['this'], { ...env, outer: { ...beside, env } });
      return { ...renamed(relation, node['column_aliases']), alias };
    }
    return { ...computedTable(inner, content, nodesOf(node['column_aliases']).map(nameIn), alias, beside), alias };
  }
  return { ...computedTable(kind, node, [], '', beside), alias: kind };
}

function computedTable(
  kind: string,
  node: Node,
  columns: readonly (string | undefined)[],
  alias: string,
  beside: Scope,
): Relation {
  const called = (kind === 'function' ? (nameIn(node) ?? '') : kind).toLowerCase();
  if (!COMPUTED_TABLES.test(called)) untold();
  const deps = depsIn(node, beside);
  const names = columns.length > 0 ? columns : [called, alias];
  return { outputs: names.map((name) => ({ name: name ?? null, deps })), stars: [], rows: deps };
}

function tableNamed(name: string, { ctes, tables }: Env): Relation {
  const lower = name.toLowerCase();
  if (ctes.has(lower)) return ctes.get(lower) ?? untold();
  const table = tables.has(name) ? name : lower;
  if (!tables.has(table)) untold();
  const rows: Deps = new Set([readKey(table, '')]);
  const columns = tables.get(table);
  if (columns === undefined) return { outputs: [], stars: [{ table, except: NONE, deps: rows }], rows };
  return {
    outputs: columns.map((column) => ({
      name: column.name,
      deps: union(rows, new Set([readKey(table, column.name)])),
    })),
    stars: [],
    rows,
  };
}

/** One item of the select list. */
function projected(value: unknown, scope: Scope): Pick<Relation, 'outputs' | 'stars'> {
  const [kind, node] = kindOf(value);
  if (kind === 'star') return expandedStar(node, scope);
  const name = kind === 'alias' ? nameIn(node['alias']) : plainName(kind, node);
  if (kind === 'alias' && (name === undefined || !isEmpty(node['column_aliases']))) untold();
  if (mentionsColumns(value)) untold();
  return {
    outputs: [{ name: name ?? null, deps: orUndefined(() => depsIn(kind === 'alias' ? node['this'] : value, scope)) }],
    stars: [],
  };
}

/** A column, or a field of a struct, keeps its name. */
function plainName(kind: string, node: Node): string | undefined {
  if (kind === 'column') return nameIn(node['name']);
  if (kind === 'dot') return nameIn(node['field']);
  if (kind !== 'paren') return undefined;
  const [inner, content] = kindOf(node['this']);
  return plainName(inner, content);
}

/** `columns(…)` stands for many columns at once. */
function mentionsColumns(value: unknown): boolean {
  if (Array.isArray(value)) return value.some(mentionsColumns);
  if (!isNode(value)) return false;
  return Object.entries(value).some(
    ([key, member]) =>
      (isNode(member) && (key === 'columns' || (key === 'function' && nameIn(member)?.toLowerCase() === 'columns'))) ||
      mentionsColumns(member),
  );
}

const STAR = new Set(['table', 'except', 'replace', 'rename', 'trailing_comments', 'span', 'inferred_type']);

function expandedStar(node: Node, scope: Scope): Pick<Relation, 'outputs' | 'stars'> {
  only(node, STAR);
  const of = nameIn(node['table'])?.toLowerCase();
  const relations = scope.relations.filter(({ alias }) => of === undefined || alias === of);
  if (relations.length === 0) untold();
  const except = new Set(nodesOf(node['except']).map((name) => nameIn(name)?.toLowerCase() ?? untold()));
  const replaced = new Map<string, Output>();
  for (const item of nodesOf(node['replace'])) {
    const name = nameIn(item['alias']) ?? untold();
    replaced.set(name.toLowerCase(), { name, deps: orUndefined(() => depsIn(item['this'], scope)) });
  }
  const names = new Map<string, string>();
  for (const pair of Array.isArray(node['rename']) ? node['rename'] : []) {
    const [from, to] = nodesOf(pair).map(nameIn);
    names.set(from?.toLowerCase() ?? untold(), to ?? untold());
  }
  const closed = relations.flatMap(({ outputs }) => outputs);
  const outputs = closed.flatMap((output): Output[] => {
    const lower = output.name?.toLowerCase();
    if (lower === undefined) return [output];
    if (except.has(lower) || replaced.has(lower)) return [];
    return [{ ...output, name: names.get(lower) ?? output.name }];
  });
  const stars = relations.flatMap((relation) => relation.stars);
  if (stars.length > 0 && names.size > 0) untold();
  return {
    outputs: [...outputs, ...replaced.values()],
    stars: stars.map((star) => ({ ...star, except: new Set([...star.except, ...except, ...replaced.keys()]) })),
  };
}

const GROUPING = new Set(['expressions', 'all', 'trailing_comments', 'leading_comments', 'span']);

function groupDeps(value: unknown, scope: Scope, projections: readonly unknown[], stars: readonly Star[]): Deps {
  if (isEmpty(value)) return NONE;
  if (!isNode(value)) return untold();
  only(value, GROUPING);
  const listed = Array.isArray(value['expressions']) ? value['expressions'] : [];
  const keys = listed.map((item) => placeOrDeps(item, scope, scope.aliases, stars, projections.length));
  if (value['all'] !== true) return union(...keys);
  // Everything is a key that is no aggregate.
  const grouped = projections.filter((projection) => !isAggregate(projection));
  if (grouped.some((projection) => kindOf(projection)[0] === 'star')) untold();
  return union(...keys, ...grouped.map((projection) => depsIn(projection, scope)));
}

function orderDeps(value: unknown, scope: Scope, outputs: readonly Output[], stars: readonly Star[]): Deps {
  if (isEmpty(value)) return NONE;
  const items = isNode(value) ? nodesOf(value['expressions']) : untold();
  return union(
    ...items.map((item) => {
      const [kind, node] = kindOf(item['this']);
      const everything = kind === 'column' && isEmpty(node['table']) && nameIn(node['name'])?.toLowerCase() === 'all';
      return everything
        ? everyColumn({ outputs, stars })
        : placeOrDeps(item['this'], scope, outputs, stars, outputs.length);
    }),
  );
}

/** `1` is the first output; inside `rollup(…)` and its like too. */
function placeOrDeps(
  item: unknown,
  scope: Scope,
  outputs: readonly Output[],
  stars: readonly Star[],
  projections: number,
): Deps {
  const [kind, node] = kindOf(item);
  if (kind === 'literal' && node['literal_type'] === 'number') {
    // Behind a `*` nobody knows which it is.
    if (stars.length > 0 || outputs.length !== projections) return everyColumn({ outputs, stars });
    return outputs[Number(node['value']) - 1]?.deps ?? untold();
  }
  const sets =
    kind === 'function' && /^(grouping sets|rollup|cube)$/i.test(nameIn(node) ?? '') ? node['args'] : undefined;
  const members = sets ?? (kind === 'tuple' ? node['expressions'] : undefined);
  if (!Array.isArray(members)) return depsIn(item, scope);
  return union(...members.map((member) => placeOrDeps(member, scope, outputs, stars, projections)));
}

const AGGREGATES =
  /^(count|count_if|countif|count_star|sum|fsum|sumkahan|kahan_sum|avg|mean|favg|min|max|any_value|arbitrary|first|last|string_agg|group_concat|listagg|list|array_agg|median|mode|mad|quantile(_cont|_disc)?|stddev(_pop|_samp)?|var_pop|var_samp|variance|bool_and|bool_or|bit_and|bit_or|bit_xor|arg_max|arg_min|argmax|argmin|max_by|min_by|product|histogram|corr|covar_pop|covar_samp|skewness|kurtosis|entropy|geomean|geometric_mean|approx_count_distinct|approx_quantile)$/i;

/** Holds an aggregate outside of a window. What is not known as one counts as none: it is then a key. */
function isAggregate(value: unknown): boolean {
  if (Array.isArray(value)) return value.some(isAggregate);
  if (!isNode(value)) return false;
  return Object.entries(value).some(([key, member]) => {
    if (key === 'window_function' || key === 'subquery' || key === 'select') return false;
    const called = key === 'function' || key === 'aggregate_function' ? (nameIn(member) ?? '') : key;
    return (isNode(member) && AGGREGATES.test(called)) || isAggregate(member);
  });
}

const IGNORED: ReadonlySet<string> = new Set([
  'span',
  'trailing_comments',
  'leading_comments',
  'comments',
  'data_type',
]);
const REFUSED: ReadonlySet<string> = new Set(['table', 'pivot', 'unpivot', 'raw', 'command', 'joined_table']);

/** Everything that is read anywhere inside. */
function depsIn(value: unknown, scope: Scope): Deps {
  if (Array.isArray(value)) return value.length === 0 ? NONE : union(...value.map((item) => depsIn(item, scope)));
  if (!isNode(value)) return NONE;
  return union(
    ...Object.entries(value).map(([key, member]) =>
      IGNORED.has(key) || typeof member !== 'object' || member === null ? NONE : depsOfMember(key, member, scope),
    ),
  );
}

function depsOfMember(key: string, member: object, scope: Scope): Deps {
  const node = isNode(member) ? member : undefined;
  if (node === undefined) return depsIn(member, scope);
  switch (key) {
    case 'column':
      return columnDeps(node, scope);
    case 'star':
      return everyColumn(expandedStar(node, scope));
    case 'select':
    case 'union':
    case 'intersect':
    case 'subquery':
      return nested({ [key]: node }, scope);
    case 'exists': {
      const { rows } = relationOf(node['this'], { ...scope.env, outer: scope });
      return rows;
    }
    case 'lambda':
      return depsIn(node['body'], binding(nodesOf(node['parameters']).map(nameIn), scope));
    case 'comprehension':
      return comprehension(node, scope);
    case 'window_name':
      return scope.windows.get(nameIn(node)?.toLowerCase() ?? '') ?? untold();
    case 'except':
      return isNode(node['left']) ? nested({ except: node }, scope) : depsIn(node, scope);
    case 'function':
      if (nameIn(node)?.toLowerCase() === 'columns') untold();
      return depsIn(node, scope);
    default:
      if (REFUSED.has(key)) untold();
      return depsIn(node, scope);
  }
}

function nested(query: Node, scope: Scope): Deps {
  const relation = relationOf(query, { ...scope.env, outer: scope });
  return union(everyColumn(relation), relation.rows);
}

const COMPREHENSION = new Set(['this', 'expression', 'iterator', 'condition', 'position', 'trailing_comments']);

function comprehension(node: Node, scope: Scope): Deps {
  only(node, COMPREHENSION);
  const names = [node['expression'], node['position']].flatMap((item) => {
    if (isEmpty(item)) return [];
    const [kind, content] = isNode(item) && typeof item['name'] === 'string' ? ['name', item] : kindOf(item);
    return [(kind === 'column' ? nameIn(content['name']) : nameIn(content)) ?? untold()];
  });
  const inside = binding(names, scope);
  return union(depsIn(node['iterator'], scope), depsIn(node['this'], inside), depsIn(node['condition'], inside));
}

function binding(names: readonly (string | undefined)[], scope: Scope): Scope {
  return { ...scope, bound: new Set([...scope.bound, ...names.map((name) => name?.toLowerCase() ?? untold())]) };
}

function columnDeps(node: Node, scope: Scope): Deps {
  const name = nameIn(node['name']) ?? untold();
  const table = nameIn(node['table']);
  if (table === undefined) return lookUp(name, scope);
  const lower = table.toLowerCase();
  for (let at: Scope | undefined = scope; at !== undefined; at = at.env.outer) {
    const found = at.relations.filter(({ alias }) => alias === lower);
    if (found.length > 0) return union(...found.map((relation) => columnOf(relation, name) ?? untold()));
  }
  // Neither the name of a schema is a table.
  if (lower === 'main' || lower === 'memory') untold();
  // `s.f`: the field of a struct.
  return lookUp(table, scope);
}

/** Undefined where the relation has no such column. */
function columnOf({ outputs, stars }: Relation, name: string): Deps | undefined {
  const lower = name.toLowerCase();
  const found = outputs.filter((output) => output.name?.toLowerCase() === lower);
  const open = stars.filter(({ except }) => !except.has(lower));
  if (open.length > 1) untold();
  if (found.length + open.length === 0) return undefined;
  return union(
    ...found.map(({ deps }) => deps ?? untold()),
    ...open.map(({ table, deps }) => union(deps, new Set([readKey(table, name)]))),
  );
}

/**
 * Where several things may be meant, all of them are. The engine looks for a lambda's parameter first, then for a column,
 * then for an output of that name.
 */
function lookUp(name: string, scope: Scope): Deps {
  const lower = name.toLowerCase();
  if (scope.bound.has(lower)) return NONE;
  const closed = scope.relations.filter(({ outputs }) =>
    outputs.some((output) => output.name?.toLowerCase() === lower),
  );
  const open = scope.relations.filter(({ stars }) => stars.some(({ except }) => !except.has(lower)));
  if (closed.length === 0 && open.length > 1) untold();
  const searched = closed.length === 0 || scope.merged.has(lower) ? [...closed, ...open] : closed;
  const found = [...new Set(searched)].map((relation) => columnOf(relation, name) ?? NONE);
  if (closed.length === 0 || scope.aliasesFirst)
    for (const output of scope.aliases) if (output.name?.toLowerCase() === lower) found.push(output.deps ?? untold());
  if (closed.length === 0 && (found.length === 0 || open.length > 0) && scope.env.outer !== undefined) {
    const { outer } = scope.env;
    const beyond = orUndefined(() => lookUp(name, outer));
    if (beyond !== undefined) found.push(beyond);
  }
  if (found.length > 0) return union(...found);
  // A table's name stands for its whole row.
  const whole = scope.relations.filter(({ alias }) => alias === lower);
  if (whole.length === 0) untold();
  return union(...whole.map(everyColumn));
}

/**
 * Whether each name of a column stands in the tree as often as in the text. A parser that passes over a clause which it does
 * not know would make the answer short.
 */
function holdsEveryName(sql: string, trees: unknown, tables: TableColumns): boolean {
  const columns = new Set([...tables.values()].flatMap((list) => (list ?? []).map(({ name }) => name.toLowerCase())));
  const written = new Map<string, number>();
  const code = codeOf(sql);
  for (const match of code.matchAll(/"((?:[^"]|"")*)"|[\p{L}_][\p{L}\p{N}_$]*/gu)) {
    const name = (match[1]?.replaceAll('""', '"') ?? match[0]).toLowerCase();
    if (columns.has(name)) written.set(name, (written.get(name) ?? 0) + 1);
  }
  if (written.size === 0) return true;
  const held = new Map<string, number>();
  countTexts(trees, held);
  return [...written].every(([name, count]) => (held.get(name) ?? 0) >= count);
}

function countTexts(value: unknown, counts: Map<string, number>): void {
  if (typeof value === 'string') {
    const lower = value.toLowerCase();
    counts.set(lower, (counts.get(lower) ?? 0) + 1);
  } else if (Array.isArray(value)) for (const item of value) countTexts(item, counts);
  else if (isNode(value))
    for (const [key, member] of Object.entries(value))
      if (key !== 'literal' && key !== 'span' && !key.endsWith('comments')) {
        countTexts(key, counts);
        countTexts(member, counts);
      }
}
