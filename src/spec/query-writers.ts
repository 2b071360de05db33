/** Of each feature set the queries of pipelines that are written into it, by the columns that they give. */
import type { CanonicalFeatureSet, CanonicalPipeline } from './canonical-specs.ts';
import { carriedColumns } from './check-results.ts';
import { has } from './check-spine.ts';
import { pointerTo } from './locator.ts';
import type { QueryLineage } from './query-lineage.ts';
import { queriesAbove } from './query-writes.ts';

export interface QueryPlace {
  readonly address: string;
  readonly pointer: string;
}

export interface WritersInput {
  readonly pipelines: Iterable<CanonicalPipeline>;
  readonly set: (name: string) => CanonicalFeatureSet | undefined;
  readonly keys: (set: CanonicalFeatureSet) => readonly string[];
  readonly query: (address: string, pointer: string) => QueryLineage | null | undefined;
}

export function queryWriters({ pipelines, set, keys, query }: WritersInput): (set: string) => readonly QueryPlace[] {
  const found = new Map<string, QueryPlace[]>();
  const add = (name: string, place: QueryPlace): void => {
    const places = found.get(name) ?? [];
    if (!places.some(({ address, pointer }) => address === place.address && pointer === place.pointer))
      places.push(place);
    found.set(name, places);
  };
  /** What is not known may be there. */
  const mayCarry = (spec: CanonicalFeatureSet, place: QueryPlace): boolean => {
    const lineage = query(place.address, place.pointer);
    if (lineage == null || lineage.stars.length > 0) return true;
    const columns = lineage.outputs.map(({ name }) => name ?? '');
    return carriedColumns(spec, keys(spec)).every((column) => has(columns, column));
  };
  for (const { name, tasks } of pipelines) {
    const placeOf = (task: string): QueryPlace => ({
      address: `pipeline.${name}`,
      pointer: `${pointerTo('/tasks', task)}/query`,
    });
    for (const [task, spec] of Object.entries(tasks)) {
      if (spec.operator === 'sql_query' && spec.into !== undefined) add(spec.into, placeOf(task));
      if (spec.operator !== 'feature_materialization') continue;
      for (const into of spec.featureSets) {
        const written = set(into);
        const nearest =
          written && queriesAbove(task, into, { tasks }).find((above) => mayCarry(written, placeOf(above)));
        if (nearest !== undefined) add(into, placeOf(nearest));
      }
    }
  }
  return (name) => found.get(name) ?? [];
}
