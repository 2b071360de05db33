/** Parses the queries of a project and checks their tables and columns, as far as these are known. */
import type { Diagnostic } from '../lib/diagnostics.ts';
import type { DescribeSource } from './load.ts';
import type { ResourceTable } from './loaded-resource.ts';

export async function checkSql(
  _table: ResourceTable,
  _root: string,
  _describe: DescribeSource | undefined,
): Promise<Diagnostic[]> {
  return [];
}
