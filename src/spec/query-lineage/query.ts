/** A query: a select, a set operation, rows written out, or one of these in parentheses. */
import { depsIn } from './expression.ts';
import { fromScope } from './from.ts';
import { groupDeps, orderDeps } from './ordering.ts';
import {
  type Deps,
  type Env,
  emptyScope,
  everyColumn,
  NONE,
  type Output,
  type Relation,
  renamed,
  type Star,
  union,
  withRows,
} from './relation.ts';
import { makesRows, projected } from './select-list.ts';
import { isEmpty, isNode, kindOf, type Node, nameIn, nodesOf, only, orUndefined, untold } from './tree.ts';

const SET_OPERATIONS: ReadonlySet<string> = new Set(['union', 'intersect', 'except']);
export function relationOf(value: unknown, env: Env): Relation {
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
