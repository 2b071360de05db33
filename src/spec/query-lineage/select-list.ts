/** The items of a select list: what each is called, what it reads, and whether it makes rows. */
import { depsIn, expandedStar } from './expression.ts';
import type { Relation, Scope } from './relation.ts';
import { isEmpty, isNode, kindOf, type Node, nameIn, orUndefined, untold } from './tree.ts';

/** One item of the select list. */
export function projected(value: unknown, scope: Scope): Pick<Relation, 'outputs' | 'stars'> {
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

/** `unnest(…)` among the outputs: as many rows as the list has elements. */
const ROW_MAKERS = /^(unnest|explode|flatten|generate_subscripts)/i;

export function makesRows(value: unknown): boolean {
  if (Array.isArray(value)) return value.some(makesRows);
  if (!isNode(value)) return false;
  return Object.entries(value).some(
    ([key, member]) =>
      (isNode(member) && (ROW_MAKERS.test(key) || (key === 'function' && ROW_MAKERS.test(nameIn(member) ?? '')))) ||
      makesRows(member),
  );
}
