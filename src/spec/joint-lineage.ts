/** The lineage of a query that has several texts: whatever any of them reads. */
import type { QueryLineage, QueryOutput, Reads } from './query-lineage.ts';

/** Null where one of them cannot be told. */
export function jointLineage(lineages: readonly (QueryLineage | null)[]): QueryLineage | null {
  const [first, ...others] = lineages;
  if (first === undefined || first === null) return null;
  return others.reduce<QueryLineage | null>((a, b) => (a === null || b === null ? null : joined(a, b)), first);
}

function joined(a: QueryLineage, b: QueryLineage): QueryLineage {
  const outputs = new Map<string, QueryOutput>();
  const unnamed: QueryOutput[] = [];
  for (const output of [...a.outputs, ...b.outputs]) {
    const name = output.name?.toLowerCase();
    const known = name === undefined ? undefined : outputs.get(name);
    if (name === undefined) unnamed.push(output);
    else if (known === undefined) outputs.set(name, output);
    else outputs.set(name, { name: known.name, reads: union(known.reads, output.reads) });
  }
  return {
    outputs: [...outputs.values(), ...unnamed],
    stars: [...a.stars, ...b.stars],
    rows: union(a.rows, b.rows) ?? [],
  };
}

function union(a: Reads | null, b: Reads | null): Reads | null {
  return a === null || b === null ? null : [...new Set([...a, ...b])].sort();
}
