/**
 * Which columns each output of a query depends on, from its syntax tree: those that its expression reads, and those that
 * decide which rows there are and in what order (where, joins, grouping, having, qualify, distinct, order, set operations).
 * What is not understood for certain makes the answer null, never short: an unknown node, clause, name or table function,
 * and names of columns that stand in the text more often than in the tree.
 */
import type { Column } from './column.ts';
import { holdsEveryName } from './query-lineage/held-names.ts';
import { relationOf } from './query-lineage/query.ts';
import { readKey, sorted } from './query-lineage/relation.ts';
import { orUndefined } from './query-lineage/tree.ts';

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

/** Null where it cannot be told. `trees`: the statements that the parser answered for `sql`. */
export function queryLineage(sql: string, trees: unknown, tables: TableColumns): QueryLineage | null {
  if (!Array.isArray(trees) || trees.length !== 1 || !holdsEveryName(sql, trees, tables)) return null;
  const relation = orUndefined(() => relationOf(trees[0], { tables, ctes: new Map(), outer: undefined, relationOf }));
  if (relation === undefined) return null;
  const { outputs, stars, rows } = relation;
  return {
    outputs: outputs.map(({ name, deps }) => ({ name, reads: deps === undefined ? null : sorted(deps) })),
    stars: stars.map(({ table, except, deps }) => ({ table, except: [...except], reads: sorted(deps) })),
    rows: sorted(rows),
  };
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
