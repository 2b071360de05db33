/** Snapshots of sources: immutable copies, recorded. What is computed later reads them, never the sources themselves. */
import { MlopsError } from '../lib/error.ts';
import type { CanonicalSource } from '../spec/canonical-specs.ts';
import { overSources, type QueryText } from '../spec/query-text.ts';
import type { Catalog } from '../stores/control/catalog.ts';
import type { FeatureState, RecordedSnapshot } from '../stores/control/feature-state.ts';
import type { OfflineStore } from '../stores/offline.ts';
import type { Increment } from '../stores/offline-snapshots.ts';
import { type FeatureCall, sourceSpec } from './definitions.ts';
import { readingSnapshots } from './reading-snapshots.ts';

export interface SourceSnapshot {
  readonly source: string;
  /** SHA-256 of the content. */
  readonly digest: string;
  readonly rows: number;
  readonly bytes: number;
  /** False where the content equals the snapshot before. */
  readonly changed: boolean;
}

interface Ingested {
  readonly snapshot: RecordedSnapshot;
  readonly changed: boolean;
}

export interface Sources {
  ingest(source: string, call: FeatureCall): Promise<SourceSnapshot>;
  /** With the newest snapshots of the sources, taken now where there is none; they stay until `body` has ended. `reader`: who reads them. */
  reading<T>(
    reader: string,
    sources: readonly string[],
    call: FeatureCall,
    body: (snapshots: readonly RecordedSnapshot[]) => Promise<T>,
  ): Promise<T>;
  /** Names of the sources that a query reads. */
  readBy(query: QueryText, address?: string): Promise<readonly string[]>;
}

export function createSources(parts: {
  readonly catalog: Catalog;
  readonly offline: OfflineStore;
  readonly featureState: FeatureState;
}): Sources {
  const { catalog, offline, featureState } = parts;
  const tables = new Map<string, Promise<readonly string[]>>();

  async function readBy(query: QueryText, address?: string): Promise<readonly string[]> {
    const key = JSON.stringify(query);
    let found = tables.get(key);
    if (found === undefined) {
      found = offline.tablesOf(query);
      tables.set(key, found);
      found.catch(() => tables.delete(key));
    }
    const names = await found.catch((error: unknown) => {
      if (error instanceof MlopsError && address !== undefined)
        throw new MlopsError(error.code, { address, detail: error.detail, cause: error });
      throw error;
    });
    // Anything else is the engine's own, or unknown: the engine says so when the query runs.
    return names.filter((name) => catalog.get('source', name) !== undefined);
  }

  async function ingest(name: string, call: FeatureCall, above: readonly string[] = []): Promise<Ingested> {
    if (above.includes(name)) {
      throw new MlopsError('SP107', {
        address: `source.${name}`,
        detail: `The source ${name} reads itself: ${[...above, name].join(' → ')}.`,
      });
    }
    const source = sourceSpec(catalog, name);
    const root = catalog.root;
    if (root === null)
      throw new MlopsError('FS204', {
        address: `source.${name}`,
        detail: 'Nothing is applied yet, so the place of the data is unknown.',
        hint: 'run mlops apply first',
      });
    const query = overSources(source);
    const names = query === undefined ? [] : await readBy(query, `source.${name}`);
    return readingSnapshots(
      featureState,
      `source.${name}`,
      () => snapshots(names, call, [...above, name]),
      (inputs) => copied(source, root, inputs, call),
    );
  }

  /** A new snapshot of a source, unless its content is as it was. */
  async function copied(
    source: CanonicalSource,
    root: string,
    inputs: readonly RecordedSnapshot[],
    call: FeatureCall,
    again = false,
  ): Promise<Ingested> {
    const { name } = source;
    const last = await featureState.latestSnapshot(name);
    const [copy] = last === undefined ? [] : await offline.inspect([last.location], call.signal);
    // A copy that is gone or damaged is taken again, whether the content has changed or not.
    const lastDigest = copy?.state === 'whole' ? (last?.digest ?? null) : null;
    const lastLocation = lastDigest === null ? null : (last?.location ?? null);
    const taken = await offline.snapshot(
      { source, root, inputs: locations(inputs), lastDigest, lastLocation },
      call.signal,
    );
    if (taken === undefined && last !== undefined) {
      call.log(`${name}: unchanged, ${last.rows} rows`);
      return { snapshot: last, changed: false };
    }
    if (taken === undefined)
      throw new MlopsError('FS204', { address: `source.${name}`, detail: `The source ${name} gave no snapshot.` });
    const { increment, ...snapshot } = taken;
    const recorded = await featureState.addSnapshot({ source: name, ...snapshot });
    // Recorded, it stays: but one of the same content was let go just before, and this one's rows with it.
    const [kept] = await offline.inspect([taken.location], call.signal);
    if (kept?.state === 'missing' && !again)
      return { ...(await copied(source, root, inputs, call, true)), changed: recorded.changed };
    call.log(`${name}: ${taken.rows} rows, snapshot ${taken.digest.slice(0, 12)}${toldOf(increment)}`);
    return recorded;
  }

  async function snapshots(
    names: readonly string[],
    call: FeatureCall,
    above: readonly string[] = [],
  ): Promise<readonly RecordedSnapshot[]> {
    const found: RecordedSnapshot[] = [];
    for (const name of names) {
      const snapshot = (await featureState.latestSnapshot(name)) ?? (await ingest(name, call, above)).snapshot;
      // Under the name that was asked for, which may be one from before: queries say it.
      found.push({ ...snapshot, source: name });
    }
    return found;
  }

  return {
    ingest: async (name, call) => {
      const { snapshot, changed } = await ingest(name, call);
      return { source: name, digest: snapshot.digest, rows: snapshot.rows, bytes: snapshot.bytes, changed };
    },
    reading: (reader, names, call, body) => readingSnapshots(featureState, reader, () => snapshots(names, call), body),
    readBy,
  };
}

const NAMED = 3;

/** What of a source that grows was read, and what happened to what was read before. */
function toldOf(increment: Increment | undefined): string {
  if (increment === undefined) return '';
  const { rows, files } = increment;
  if (files === undefined) return `; ${rows} rows read`;
  const named = (what: string, paths: readonly string[]): string => {
    const more = paths.length > NAMED ? ` and ${paths.length - NAMED} more` : '';
    return paths.length === 0 ? '' : `, ${paths.length} ${what} (${paths.slice(0, NAMED).join(', ')}${more})`;
  };
  return `; ${rows} rows read of ${files.all} files: ${files.added.length} new${named('changed', files.changed)}${named('gone', files.gone)}`;
}

export function locations(snapshots: readonly RecordedSnapshot[]): Readonly<Record<string, string>> {
  return Object.fromEntries(snapshots.map((snapshot) => [snapshot.source, snapshot.location]));
}

export function digests(snapshots: readonly RecordedSnapshot[]): Readonly<Record<string, string>> {
  return Object.fromEntries(snapshots.map((snapshot) => [snapshot.source, snapshot.digest]));
}
