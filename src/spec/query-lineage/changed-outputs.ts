/**
 * Which outputs of a query an edit changes: those whose expression differs, where everything else of the two is the same. What
 * an item of the select list may do to the others (rows that it makes, a name that is used elsewhere, a place in `order by`)
 * makes the answer that it may be any.
 */
import { canonicalJson } from '../../lib/canonical.ts';
import type { JsonValue } from '../../lib/json.ts';
import { makesRows } from './select-list.ts';
import { isEmpty, isNode, kindOf, type Node, nameIn, nodesOf, orUndefined, untold } from './tree.ts';

/** In lower case, sorted; undefined: may be any. `before` and `after`: the statements that the parser answered. */
export function changedOutputs(before: unknown, after: unknown): readonly string[] | undefined {
  return orUndefined(() => {
    const [old, next] = [selectIn(before), selectIn(after)];
    if (old.frame !== next.frame || old.stars !== next.stars) untold();
    const names = [...new Set([...old.items.keys(), ...next.items.keys()])].sort();
    const textOf = (item: unknown): string | undefined => (item === undefined ? undefined : plain(item));
    const changed = names.filter((name) => textOf(old.items.get(name)) !== textOf(next.items.get(name)));
    const itemsOf = (some: readonly string[]): readonly unknown[] =>
      some.flatMap((name) => [old.items.get(name), next.items.get(name)]).filter((item) => item !== undefined);
    if (itemsOf(changed).some(makesRows)) untold();
    // Beside a bare column, and without grouping, nothing is an aggregate that would make one row of all.
    const kept = names.filter((name) => !changed.includes(name));
    if (!old.grouped && !itemsOf(kept).some((item) => kindOf(item)[0] === 'column')) untold();
    // A name that stands elsewhere may mean the item or a column. Its own expression can only mean the column.
    const elsewhere = (name: string): boolean =>
      namesIn([old.rest, ...itemsOf(names.filter((other) => other !== name)).map(expressionOf)]).includes(name);
    return changed.some(elsewhere) ? untold() : changed;
  });
}

interface Select {
  /** Everything but the select list, as text. */
  readonly frame: string;
  readonly rest: Node;
  readonly grouped: boolean;
  readonly stars: string;
  /** By name in lower case. */
  readonly items: ReadonlyMap<string, unknown>;
}

function selectIn(trees: unknown): Select {
  if (!Array.isArray(trees) || trees.length !== 1) return untold();
  const [kind, node] = kindOf(trees[0]);
  if (kind !== 'select') return untold();
  const { expressions, ...rest } = node;
  // Which rows are alike is a matter of the whole list, and a number or `all` stands for a part of it.
  if (!isEmpty(rest['distinct']) || !isEmpty(rest['distinct_on'])) untold();
  for (const part of [rest['group_by'], rest['order_by']]) if (holdsNumberOrAll(part)) untold();
  const items = new Map<string, unknown>();
  const stars: unknown[] = [];
  for (const item of nodesOf(expressions)) {
    const [itemKind, content] = kindOf(item);
    if (itemKind === 'star') stars.push(item);
    else {
      const name = (itemKind === 'alias' ? nameIn(content['alias']) : nameIn(content['name']))?.toLowerCase();
      if (name === undefined || (itemKind !== 'alias' && itemKind !== 'column') || items.has(name)) untold();
      items.set(name, item);
    }
  }
  // A column of the star may have the name of an item.
  if (stars.length > 0 && stars.length + items.size > 1) untold();
  return { frame: plain(rest), rest, grouped: !isEmpty(rest['group_by']), stars: plain(stars), items };
}

function holdsNumberOrAll(value: unknown): boolean {
  if (Array.isArray(value)) return value.some(holdsNumberOrAll);
  if (!isNode(value)) return false;
  if (value['all'] === true || value['literal_type'] === 'number') return true;
  if (isNode(value['column']) && nameIn(value['column']['name'])?.toLowerCase() === 'all') return true;
  return Object.values(value).some(holdsNumberOrAll);
}

function expressionOf(item: unknown): unknown {
  const [kind, node] = kindOf(item);
  return kind === 'alias' ? node['this'] : item;
}

/** Of columns without a table, in lower case: these alone may mean an item of the select list. */
function namesIn(value: unknown): readonly string[] {
  if (Array.isArray(value)) return value.flatMap(namesIn);
  if (!isNode(value)) return [];
  return Object.entries(value).flatMap(([key, member]) => {
    if (key !== 'column' || !isNode(member) || !isEmpty(member['table'])) return namesIn(member);
    return [nameIn(member['name'])?.toLowerCase() ?? untold()];
  });
}

/** Without places and comments. */
function plain(value: unknown): string {
  const strip = (part: unknown): JsonValue => {
    if (Array.isArray(part)) return part.map(strip);
    if (!isNode(part)) return (part ?? null) as JsonValue;
    return Object.fromEntries(
      Object.entries(part).flatMap(([key, member]) =>
        key === 'span' || key.endsWith('comments') ? [] : [[key, strip(member)]],
      ),
    );
  };
  return canonicalJson(strip(value));
}
