/** What stands behind `from`: tables, subqueries, computed rows, and the joins between them. */
import { depsIn } from './expression.ts';
import {
  type Deps,
  type Env,
  emptyScope,
  lookUp,
  NONE,
  type Relation,
  readKey,
  renamed,
  type Scope,
  union,
  type Visible,
} from './relation.ts';
import { isNode, kindOf, type Node, nameIn, nodesOf, only, untold } from './tree.ts';

const FROM = new Set(['expressions', 'leading_comments', 'trailing_comments']);
const JOIN = new Set([
  ...['this', 'on', 'using', 'kind', 'use_inner_keyword', 'use_outer_keyword', 'deferred_condition', 'nesting_group'],
  ...['comments', 'leading_comments', 'trailing_comments'],
]);
const JOINED_TABLE = new Set(['left', 'joins', 'leading_comments', 'trailing_comments']);

export function fromScope(node: Node, env: Env): { readonly scope: Scope; readonly deciding: Deps } {
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
      ...env.relationOf({ subquery: node }, { ...env, outer: { ...beside, env } }),
      alias: nameIn(node['alias'])?.toLowerCase() ?? '',
    };
  if (kind === 'alias') {
    only(node, ALIAS);
    const [inner, content] = kindOf(node['this']);
    const alias = nameIn(node['alias'])?.toLowerCase() ?? untold();
    if (inner === 'paren') {
      const relation = env.relationOf(content['this'], { ...env, outer: { ...beside, env } });
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
