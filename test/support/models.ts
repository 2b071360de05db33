/** Versions, catalogs and scopes for tests of the registry and of serving. */
import { randomUUID } from 'node:crypto';
import { addressOf } from '../../src/spec/address.ts';
import type { CanonicalSpecs } from '../../src/spec/canonical-specs.ts';
import type { Kind } from '../../src/spec/kinds.ts';
import type { Catalog } from '../../src/stores/control/catalog.ts';
import type { NewVersion } from '../../src/stores/control/registry.ts';
import type { RecordedResource } from '../../src/stores/control/state.ts';
import type { Database } from '../../src/stores/postgres/database.ts';
import { createPostgresFeatureState } from '../../src/stores/postgres/postgres-feature-state.ts';
import { ensureScope } from '../../src/stores/postgres/scopes.ts';

export function newVersion(change: Partial<NewVersion> = {}): NewVersion {
  return {
    name: 'risk',
    framework: 'onnx',
    metrics: {},
    hyperparameters: {},
    artifacts: [],
    tags: {},
    lineage: {},
    signature: null,
    description: null,
    idempotencyKey: null,
    ...change,
  };
}

export function freshScope(db: Database): Promise<number> {
  return ensureScope(db, { project: `p-${randomUUID().slice(0, 8)}`, environment: 'dev' });
}

/** A version of a feature set that serves, without rows. */
export async function servingSet(db: Database, scopeId: number, set: string, digest = 'first'): Promise<number> {
  const features = createPostgresFeatureState(db, scopeId);
  const structure = {
    keys: { id: 'int64' },
    source: 'raw',
    query: null,
    eventTime: 'at',
    createdTime: null,
    features: {},
  };
  const version = await features.registerVersion(set, digest, structure);
  await features.materializing(set, version, new AbortController().signal, (claim) => claim.complete({}));
  return version;
}

type Specs = { readonly [K in Kind]?: readonly CanonicalSpecs[K][] };

/** A catalog in memory; `set` replaces what is applied and tells who listens. */
export function memoryCatalog(specs: Specs = {}): Catalog & { set(specs: Specs): void } {
  let current = specs;
  let revision = 1;
  const listeners = new Set<() => void>();
  const list = <K extends Kind>(kind: K): readonly RecordedResource<K>[] =>
    ((current[kind] ?? []) as readonly CanonicalSpecs[K][]).map((spec) => ({
      address: addressOf(kind, spec.name),
      kind,
      name: spec.name,
      spec,
      digest: '',
      dependsOn: [],
      protect: false,
      managedBy: 'apply',
      status: 'ready',
      outputs: {},
      createdAt: new Date(0),
      updatedAt: new Date(0),
    }));
  return {
    get revision() {
      return revision;
    },
    root: '/',
    get: (kind, name) => list(kind).find((resource) => resource.name === name),
    list,
    refresh: async () => {},
    onChange: (listener) => {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    close: async () => {},
    set: (next) => {
      current = next;
      revision += 1;
      for (const listener of listeners) listener();
    },
  };
}
