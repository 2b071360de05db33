/**
 * What is applied, as the services read it: a cache of the recorded resources that follows applies by itself
 * (NOTIFY as a hint, polling behind it). Reads are synchronous and never older than the last refresh.
 */
import type { CanonicalSpecs } from '../../spec/canonical-specs.ts';
import type { Kind } from '../../spec/kinds.ts';
import type { RecordedResource } from './state.ts';

export interface Catalog {
  /** Counts up with each refresh that changed something. */
  readonly revision: number;
  /** Absolute path of the project root as the last apply saw it; null before the first. Relative file paths start here. */
  readonly root: string | null;
  /** By its name, or one that it had before. Undefined where nothing of that name is applied. A resource being deleted is not shown. */
  get<K extends Kind>(kind: K, name: string): RecordedResource<K> | undefined;
  list<K extends Kind>(kind: K): readonly RecordedResource<K>[];
  /** Reads the store now. */
  refresh(): Promise<void>;
  /** Called after a refresh that changed something. Returns the function that ends it. */
  onChange(listener: () => void): () => void;
  close(): Promise<void>;
}

export type SpecOf<K extends Kind> = CanonicalSpecs[K];

/** The sources that a resource reads, directly or through other sources: inputs before what is made from them. */
export function sourcesBelow(catalog: Catalog, resource: Pick<RecordedResource, 'dependsOn'>): readonly string[] {
  const found = new Set<string>();
  const visit = (dependsOn: readonly string[]): void => {
    for (const address of dependsOn) {
      const name = /^source\.(.+)$/.exec(address)?.[1];
      const source = name === undefined || found.has(name) ? undefined : catalog.get('source', name);
      if (source === undefined) continue;
      visit(source.dependsOn);
      found.add(source.name);
    }
  };
  visit(resource.dependsOn);
  return [...found];
}
