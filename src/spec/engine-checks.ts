/** What a query engine can tell about the specs; the composition root passes it in. */
import type { CanonicalSource } from './canonical-specs.ts';
import type { Column } from './column.ts';
import type { Dialect } from './query-text.ts';

/**
 * The columns of a source as an engine sees them, added ones included; undefined where unknown, and then nothing is checked
 * against them. `root` is where relative paths start. A thrown MlopsError is shown at the source's file.
 */
export type DescribeSource = (source: CanonicalSource, root: string) => Promise<readonly Column[] | undefined>;

/** Whether the engine can parse a query; asked only about what the parser here does not understand. */
export type ParsesQuery = (sql: string) => Promise<boolean>;

/** A source as a query on the store sees it: its columns, or the text that makes it. */
export type StoreTable =
  | { readonly name: string; readonly columns: readonly Column[] }
  | { readonly name: string; readonly query: string };

/** `place`: the offset in the text that the store points at. */
export type StoreAnswer = 'right' | 'not asked' | { readonly message: string; readonly place: number | undefined };

/** The store of the environment at hand, as far as it runs queries. */
export interface QueryStore {
  readonly dialect: Dialect;
  /** Tells it from those of other environments. */
  readonly name: string;
  /** Checks texts without reading data or writing anything. Absent: it is not to be asked. A thrown MlopsError is a warning. */
  readonly explain?: (
    queries: readonly { readonly text: string; readonly tables: readonly StoreTable[] }[],
  ) => Promise<readonly StoreAnswer[]>;
}
