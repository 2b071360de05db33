/**
 * Whether each name of a column stands in the tree as often as in the text. A parser that passes over a clause which it does
 * not know would make the answer short.
 */
import type { Column } from '../column.ts';
import { codeOf } from '../sql-text.ts';
import { isNode } from './tree.ts';

export function holdsEveryName(
  sql: string,
  trees: unknown,
  tables: ReadonlyMap<string, readonly Column[] | undefined>,
): boolean {
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
