/** What a query engine can tell about the specs; the composition root passes it in. */
import type { CanonicalSource } from './canonical-specs.ts';
import type { Column } from './column.ts';

/**
 * The columns of a source as an engine sees them, added ones included; undefined where unknown, and then nothing is checked
 * against them. `root` is where relative paths start. A thrown MlopsError is shown at the source's file.
 */
export type DescribeSource = (source: CanonicalSource, root: string) => Promise<readonly Column[] | undefined>;

/** Whether the engine can parse a query; asked only about what the parser here does not understand. */
export type ParsesQuery = (sql: string) => Promise<boolean>;
