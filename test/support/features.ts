/** A feature store on real stores in a directory of its own, over specs that a test may change as an apply would. */
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { AnswerLog } from '../../src/features/answer-log.ts';
import { createFeatures, type Features } from '../../src/features/create-features.ts';
import type { FeatureCall } from '../../src/features/definitions.ts';
import { digestOf } from '../../src/lib/canonical.ts';
import { type Clock, systemClock } from '../../src/lib/clock.ts';
import { addressOf } from '../../src/spec/address.ts';
import type { CanonicalSpecs } from '../../src/spec/canonical-specs.ts';
import type { Kind } from '../../src/spec/kinds.ts';
import type { ArtifactStore } from '../../src/stores/artifacts.ts';
import type { Catalog } from '../../src/stores/control/catalog.ts';
import type { FeatureQuality } from '../../src/stores/control/feature-quality.ts';
import type { FeatureState } from '../../src/stores/control/feature-state.ts';
import type { RecordedResource } from '../../src/stores/control/state.ts';
import { createDuckdbOffline } from '../../src/stores/duckdb/duckdb-offline.ts';
import { createFilesystemArtifacts } from '../../src/stores/filesystem/filesystem-artifacts.ts';
import { createLmdbOnline } from '../../src/stores/lmdb/lmdb-online.ts';
import type { OfflineStore } from '../../src/stores/offline.ts';
import type { OnlineStore } from '../../src/stores/online.ts';
import { type Database, openDatabase } from '../../src/stores/postgres/database.ts';
import { createPostgresFeatureQuality } from '../../src/stores/postgres/postgres-feature-quality.ts';
import { createPostgresFeatureState } from '../../src/stores/postgres/postgres-feature-state.ts';
import { ensureScope } from '../../src/stores/postgres/scopes.ts';

export type Specs = Partial<{ [K in Kind]: readonly CanonicalSpecs[K][] }>;

export function catalogOf(root: string, specs: () => Specs): Catalog {
  const record = <K extends Kind>(kind: K, spec: CanonicalSpecs[K]): RecordedResource<K> => ({
    address: addressOf(kind, spec.name),
    kind,
    name: spec.name,
    spec,
    digest: digestOf(spec),
    dependsOn: [],
    protect: false,
    managedBy: 'apply',
    status: 'ready',
    outputs: {},
    createdAt: new Date(0),
    updatedAt: new Date(0),
  });
  const list = <K extends Kind>(kind: K): readonly RecordedResource<K>[] => {
    const found = (specs()[kind] ?? []) as unknown as readonly CanonicalSpecs[K][];
    return found.map((spec) => record(kind, spec));
  };
  let known = { digest: digestOf(specs()), revision: 1 };
  return {
    get revision() {
      const digest = digestOf(specs());
      if (digest !== known.digest) known = { digest, revision: known.revision + 1 };
      return known.revision;
    },
    root,
    get: (kind, name) => list(kind).find((resource) => resource.name === name),
    list,
    refresh: async () => {},
    onChange: () => () => {},
    close: async () => {},
  };
}

export interface FeatureStoreOptions {
  readonly root: string;
  readonly connectionString: string;
  readonly specs: () => Specs;
  readonly clock?: Clock;
  readonly chunkRows?: number;
  readonly scope?: string;
  /** Wraps a store, e.g. to fail at a point. */
  readonly featureState?: (real: FeatureState) => FeatureState;
  readonly online?: (real: OnlineStore) => OnlineStore;
  readonly quality?: (real: FeatureQuality) => FeatureQuality;
  /** Default: DuckDB in the root. It is closed with the rest. */
  readonly offline?: OfflineStore;
  /** Default: none. */
  readonly answers?: (db: Database, scopeId: number) => AnswerLog;
}

export interface FeatureStore {
  readonly features: Features;
  readonly offline: OfflineStore;
  readonly online: OnlineStore;
  readonly artifacts: ArtifactStore;
  readonly featureState: FeatureState;
  readonly quality: FeatureQuality;
  readonly db: Database;
  readonly lines: string[];
  readonly call: FeatureCall;
  close(): Promise<void>;
}

export async function openFeatureStore(options: FeatureStoreOptions): Promise<FeatureStore> {
  const db = openDatabase({ connectionString: options.connectionString, max: 5 });
  const scopeId = await ensureScope(db, { project: options.scope ?? 'healthcare', environment: 'test' });
  const offline =
    options.offline ??
    createDuckdbOffline({
      directory: join(options.root, '.mlops', 'offline', 'test'),
      memoryLimitBytes: 2 ** 29,
    });
  const lmdb = createLmdbOnline({ directory: join(options.root, '.mlops', 'online', 'test') });
  const online = options.online?.(lmdb) ?? lmdb;
  const artifacts = createFilesystemArtifacts({ directory: join(options.root, '.mlops', 'artifacts') });
  const real = createPostgresFeatureState(db, scopeId);
  const featureState = options.featureState?.(real) ?? real;
  const realQuality = createPostgresFeatureQuality(db, scopeId);
  const quality = options.quality?.(realQuality) ?? realQuality;
  const catalog = catalogOf(options.root, options.specs);
  const lines: string[] = [];
  const features = createFeatures({
    catalog,
    offline,
    online,
    featureState,
    quality,
    artifacts,
    answers: options.answers?.(db, scopeId),
    clock: options.clock ?? systemClock,
    versionsMaxAgeMs: 0,
    ...(options.chunkRows === undefined ? {} : { chunkRows: options.chunkRows }),
  });
  return {
    features,
    offline,
    online,
    artifacts,
    featureState,
    quality,
    db,
    lines,
    call: { signal: new AbortController().signal, log: (line) => lines.push(line) },
    close: async () => {
      await offline.close();
      await online.close();
      await db.close();
    },
  };
}

/** Writes a CSV file of rows; null is an empty field. */
export async function writeCsv(
  path: string,
  columns: readonly string[],
  rows: readonly (readonly (string | number | null)[])[],
): Promise<void> {
  const field = (value: string | number | null): string =>
    value === null ? '' : typeof value === 'number' ? String(value) : `"${value.replaceAll('"', '""')}"`;
  await writeFile(path, [columns.join(','), ...rows.map((row) => row.map(field).join(','))].join('\n').concat('\n'));
}
