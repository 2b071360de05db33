/**
 * The lineage of a feature set's features: what their columns, queries and expressions read, through query sources and added
 * columns down to the columns of files. An added column counts as a column of its source too, beside what it is made from.
 */
import { MlopsError } from '../lib/error.ts';
import { compileExpression } from '../lib/expression.ts';
import type { CanonicalFeatureSet, CanonicalSource } from './canonical-specs.ts';
import type { Column } from './column.ts';
import type { FeatureLineage, SourceColumn } from './column-lineage.ts';
import { pointerTo } from './locator.ts';
import { readKey } from './query-lineage/relation.ts';
import { type QueryLineage, type Reads, readsOf } from './query-lineage.ts';
import { overSources } from './query-text.ts';

export interface LineageInputs {
  readonly source: (name: string) => CanonicalSource | undefined;
  /** Of a source that is a file; undefined where not known. */
  readonly columns: (source: string) => readonly Column[] | undefined;
  /** Of the SQL at a pointer of a resource; null or undefined where it cannot be told. */
  readonly query: (address: string, pointer: string) => QueryLineage | null | undefined;
  /** Queries of pipelines that are written into a set: where they stand. Default: none. */
  readonly writers?: (set: string) => readonly { readonly address: string; readonly pointer: string }[];
}

/** Keys as of `readKey`; undefined: may be any. */
type Columns = ReadonlySet<string> | undefined;

const NOTHING: Columns = new Set();

export type LineageOf = (set: CanonicalFeatureSet, keys: readonly string[]) => FeatureLineage;

/** `keys`: names of the key columns of the set's entity. */
export function createFeatureLineage(inputs: LineageInputs): LineageOf {
  const known = new Map<string, Columns>();
  const asking = new Set<string>();

  /** What a column of a source comes from; with an empty column: which rows the source has. */
  function ofSource(source: string, column: string): Columns {
    const key = readKey(source, column.toLowerCase());
    if (known.has(key)) return known.get(key);
    // A cycle of query sources is an error of its own.
    if (asking.has(key)) return undefined;
    asking.add(key);
    const found = askSource(source, column);
    asking.delete(key);
    known.set(key, found);
    return found;
  }

  function askSource(source: string, column: string): Columns {
    const spec = inputs.source(source);
    if (spec === undefined) return undefined;
    if (overSources(spec) !== undefined) {
      const lineage = inputs.query(`source.${source}`, '/query');
      return lineage == null ? undefined : ofReads(column === '' ? lineage.rows : readsOf(lineage, column));
    }
    return column === '' ? NOTHING : ofFile(spec, column);
  }

  function ofFile(spec: CanonicalSource, column: string): Columns {
    const lower = column.toLowerCase();
    const added = Object.keys(spec.columns ?? {}).find((name) => name.toLowerCase() === lower);
    if (added === undefined) {
      const described = inputs.columns(spec.name)?.find(({ name }) => name.toLowerCase() === lower);
      return new Set([readKey(spec.name, described?.name ?? column)]);
    }
    const lineage = inputs.query(`source.${spec.name}`, pointerTo('/columns', added));
    const [output, ...more] = lineage?.outputs ?? [];
    if (lineage == null || output?.reads == null || more.length > 0 || lineage.stars.length > 0) return undefined;
    // One that replaces the file's column of its name reads that.
    const itself = readKey(spec.name, lower);
    const below = ofReads(output.reads.filter((read) => read.toLowerCase() !== itself.toLowerCase()));
    return below === undefined ? undefined : new Set([readKey(spec.name, added), ...below]);
  }

  function ofReads(reads: Reads | null): Columns {
    if (reads === null) return undefined;
    return together(
      reads.map((read) => {
        const [source = '', column = ''] = read.split('\t', 2);
        return ofSource(source, column);
      }),
    );
  }

  return (set, keys) => {
    const address = `feature_set.${set.name}`;
    const query = set.query === undefined ? undefined : inputs.query(address, '/query');
    const written = (inputs.writers?.(set.name) ?? []).map(({ address: at, pointer }) => inputs.query(at, pointer));
    /** A time that a query does not give is that of the run. */
    const ofWriters = (column: string, isTime: boolean): readonly Columns[] =>
      written.map((lineage) => {
        if (lineage == null) return undefined;
        const given =
          lineage.stars.length > 0 || lineage.outputs.some(({ name }) => name?.toLowerCase() === column.toLowerCase());
        return ofReads(given || !isTime ? readsOf(lineage, column) : lineage.rows);
      });
    const ofRows = (column: string): Columns => {
      if (set.query !== undefined) return query == null ? undefined : ofReads(readsOf(query, column));
      // Rows that clients push come from no source.
      return set.source === undefined ? NOTHING : ofSource(set.source, column);
    };
    const ofColumn = (column: string): Columns => together([ofRows(column), ...ofWriters(column, false)]);
    const times = [set.eventTime, ...(set.createdTime === undefined ? [] : [set.createdTime])];
    const rows = [...keys.map(ofColumn), ...times.map((time) => together([ofRows(time), ...ofWriters(time, true)]))];
    const names = Object.keys(set.features);
    const done = new Map<string, Columns>();
    const ofFeature = (name: string): Columns => {
      if (done.has(name)) return done.get(name);
      // What expressions that read each other depend on cannot be told; they are an error of their own.
      done.set(name, undefined);
      const { expr, column } = set.features[name] ?? {};
      const own = expr === undefined ? [ofColumn(column ?? name)] : operandsOf(expr, names).map(ofFeature);
      const found = together([...rows, ...own]);
      done.set(name, found);
      return found;
    };
    return Object.fromEntries(names.map((name) => [name, listed(ofFeature(name))]));
  };
}

/** Of one that is wrong, as in states of other versions: any feature. Reading all of them, it reads itself, and cannot be told. */
export function operandsOf(expr: string, features: readonly string[]): readonly string[] {
  try {
    return compileExpression(expr, features).references;
  } catch (error) {
    if (error instanceof MlopsError) return features;
    throw error;
  }
}

function together(all: readonly Columns[]): Columns {
  const found = new Set<string>();
  for (const columns of all) {
    if (columns === undefined) return undefined;
    for (const column of columns) found.add(column);
  }
  return found;
}

function listed(columns: Columns): readonly SourceColumn[] | null {
  if (columns === undefined) return null;
  return [...columns].sort().map((key) => {
    const [source = '', column = ''] = key.split('\t', 2);
    return { source, column };
  });
}
