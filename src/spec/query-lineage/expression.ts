/** What an expression reads: every column anywhere inside it, `*` and nested queries included. */
import {
  columnOf,
  type Deps,
  everyColumn,
  lookUp,
  NONE,
  type Output,
  type Relation,
  type Scope,
  union,
} from './relation.ts';
import { isEmpty, isNode, kindOf, type Node, nameIn, nodesOf, only, orUndefined, untold } from './tree.ts';

const IGNORED: ReadonlySet<string> = new Set([
  'span',
  'trailing_comments',
  'leading_comments',
  'comments',
  'data_type',
]);
const REFUSED: ReadonlySet<string> = new Set(['table', 'pivot', 'unpivot', 'raw', 'command', 'joined_table']);

/** Everything that is read anywhere inside. */
export function depsIn(value: unknown, scope: Scope): Deps {
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
      const { rows } = scope.env.relationOf(node['this'], { ...scope.env, outer: scope });
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
  const relation = scope.env.relationOf(query, { ...scope.env, outer: scope });
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

const STAR = new Set(['table', 'except', 'replace', 'rename', 'trailing_comments', 'span', 'inferred_type']);

export function expandedStar(node: Node, scope: Scope): Pick<Relation, 'outputs' | 'stars'> {
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
