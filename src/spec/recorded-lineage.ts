/** The lineage of a feature set that comes without files: from the sources as they are recorded, with the columns that they had. */
import type { CanonicalFeatureSet, CanonicalSource } from './canonical-specs.ts';
import type { Column } from './column.ts';
import type { FeatureLineage } from './column-lineage.ts';
import { createFeatureLineage } from './feature-lineage.ts';
import { jointLineage } from './joint-lineage.ts';
import { pointerTo } from './locator.ts';
import type { QueryLineage } from './query-lineage.ts';
import { mentionedIn, overSources, type QueryText, textsOf } from './query-text.ts';
import { analyzeQuery, jointColumns, type SqlAnalysis } from './sql-analysis.ts';

export interface RecordedSources {
  readonly names: ReadonlySet<string>;
  readonly spec: (source: string) => CanonicalSource | undefined;
  /** Added ones included; undefined where they were not recorded. */
  readonly columns: (source: string) => readonly Column[] | undefined;
}

/** `keys`: names of the key columns of the set's entity. */
export async function recordedLineage(
  set: CanonicalFeatureSet,
  keys: readonly string[],
  sources: RecordedSources,
): Promise<FeatureLineage> {
  const lineages = new Map<string, QueryLineage | null>();
  const known = new Map<string, readonly Column[] | undefined>();

  async function analyzed(place: string, query: QueryText): Promise<Pick<SqlAnalysis, 'columns'>> {
    const tables = new Map<string, readonly Column[] | undefined>();
    for (const name of mentionedIn(query, sources.names)) tables.set(name, await columnsOf(name));
    const analyses: SqlAnalysis[] = [];
    for (const { text, dialect } of textsOf(query)) analyses.push(await analyzeQuery(text, tables, dialect));
    lineages.set(place, jointLineage(analyses.map(({ lineage }) => lineage)));
    return { columns: jointColumns(analyses) };
  }

  async function columnsOf(source: string): Promise<readonly Column[] | undefined> {
    if (known.has(source)) return known.get(source);
    // One that reads itself has no columns that could be told.
    known.set(source, undefined);
    const spec = sources.spec(source);
    const query = spec && overSources(spec);
    if (query === undefined) {
      known.set(source, sources.columns(source));
      for (const [name, expression] of Object.entries(spec?.columns ?? {}))
        await analyzed(`source.${source}${pointerTo('/columns', name)}`, `select ${expression} from "${source}"`);
    } else {
      const { columns } = await analyzed(`source.${source}/query`, query);
      known.set(
        source,
        columns?.map((name) => ({ name, type: 'UNKNOWN' })),
      );
    }
    return known.get(source);
  }

  if (set.source !== undefined) await columnsOf(set.source);
  if (set.query !== undefined) await analyzed(`feature_set.${set.name}/query`, set.query);
  const lineageOf = createFeatureLineage({
    source: sources.spec,
    columns: (source) => known.get(source),
    query: (address, pointer) => lineages.get(`${address}${pointer}`),
  });
  return lineageOf(set, keys);
}
