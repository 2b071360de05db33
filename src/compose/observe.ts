/**
 * A look at every store for `plan --refresh-only`: reading only, nothing is made or migrated, and each store has a limited time to
 * answer. One that does not answer is told as such; the others are looked at all the same.
 */
import { stat } from 'node:fs/promises';
import { resolve } from 'node:path';
import { isPushed, keyColumns, storedFeatures } from '../features/definitions.ts';
import { onlineTable } from '../features/versions.ts';
import { MlopsError } from '../lib/error.ts';
import type { Column } from '../spec/column.ts';
import { modelsOf } from '../spec/endpoint-models.ts';
import { areManyFiles, sourceFiles } from '../spec/source-files.ts';
import type { ArtifactStore } from '../stores/artifacts.ts';
import type { FeatureSetVersion, FeatureState, NewPart } from '../stores/control/feature-state.ts';
import type {
  ControlDifference,
  Observed,
  ObservedArtifact,
  ObservedOnline,
  ObservedSource,
  ObservedTable,
  Reading,
  RegistryDifference,
} from '../stores/control/observed.ts';
import type { ModelVersion, RegistryStore, Stage } from '../stores/control/registry.ts';
import type { RecordedResource, State } from '../stores/control/state.ts';
import type { OfflineStore } from '../stores/offline.ts';
import type { OnlineStore } from '../stores/online.ts';
import { describeSourceFor } from './describe-source.ts';

const ANSWERS_WITHIN_MS = 30_000;
const AT_ONCE = 8;
/** What serves, or is about to. */
const SERVED: readonly Stage[] = ['production', 'staging'];

export interface Observing {
  /** Absolute path of the project. */
  readonly root: string;
  readonly inspectControl: () => Promise<readonly ControlDifference[]>;
  readonly readState: () => Promise<State>;
  /** Undefined where nothing was ever recorded. */
  readonly featureState: () => Promise<FeatureState | undefined>;
  readonly registry: () => Promise<RegistryStore | undefined>;
  readonly offline: () => Promise<OfflineStore>;
  readonly online: () => Promise<OnlineStore>;
  readonly artifacts: () => Promise<ArtifactStore>;
  readonly signal: AbortSignal;
  readonly answersWithinMs?: number;
}

export interface Look {
  /** Empty where it cannot be read. */
  readonly state: State;
  readonly observed: Observed;
}

export async function observe(from: Observing): Promise<Look> {
  const bounded = <T>(what: string, read: (signal: AbortSignal) => Promise<T>): Promise<Reading<T>> =>
    within(what, from.answersWithinMs ?? ANSWERS_WITHIN_MS, from.signal, read);
  const control = await bounded('The control store', from.inspectControl);
  const state = await bounded('The recorded state', from.readState);
  if ('problem' in state) {
    const unknown = { problem: `What is recorded of it could not be read. ${state.problem}` };
    return {
      state: { lineage: null, serial: 0, resources: [] },
      // What is wrong with the tables says it already.
      observed: {
        control: 'found' in control && control.found.length > 0 ? control : { problem: state.problem },
        offline: unknown,
        online: unknown,
        artifacts: unknown,
        registry: unknown,
        sources: unknown,
      },
    };
  }
  const { resources } = state.found;
  const stored = await bounded('The record of features', async () => storedOf(state.found, await from.featureState()));
  const versions = await bounded('The registry', async () => servedVersions(await from.registry()));
  const after = async <A, T>(
    read: Reading<A>,
    what: string,
    then: (found: A, signal: AbortSignal) => Promise<T>,
  ): Promise<Reading<T>> => ('found' in read ? bounded(what, (signal) => then(read.found, signal)) : read);
  const [offline, online, artifacts, registry, sources] = await Promise.all([
    after(stored, 'The offline store', async (found, signal) => tablesOf(found, await from.offline(), signal)),
    after(stored, 'The online store', async (found) => onlineOf(found, await from.online())),
    after(versions, 'The artifact store', async (found) => artifactsOf(state.found, found, await from.artifacts())),
    after(versions, 'The registry', async (found) => registryOf(state.found, found, await from.registry())),
    after(stored, 'The data of the sources', async (found) => sourcesOf(resources, found, from.root)),
  ]);
  return { state: state.found, observed: { control, offline, online, artifacts, registry, sources } };
}

async function within<T>(
  what: string,
  limitMs: number,
  signal: AbortSignal,
  read: (signal: AbortSignal) => Promise<T>,
): Promise<Reading<T>> {
  signal.throwIfAborted();
  const late = AbortSignal.timeout(limitMs);
  const either = AbortSignal.any([signal, late]);
  const stopped = new Promise<never>((_, reject) => {
    either.addEventListener('abort', () => reject(either.reason), { once: true });
  });
  stopped.catch(() => {});
  try {
    return { found: await Promise.race([read(either), stopped]) };
  } catch (error) {
    signal.throwIfAborted();
    if (late.aborted) return { problem: `${what} did not answer within ${limitMs / 1000} s.` };
    if (error instanceof MlopsError) return { problem: error.detail };
    const message = error instanceof Error ? error.message : String(error);
    return { problem: `${what} cannot be read: ${message}.` };
  }
}

interface Stored {
  readonly versions: readonly { readonly version: FeatureSetVersion; readonly parts: readonly NewPart[] }[];
  readonly snapshots: Awaited<ReturnType<FeatureState['latestSnapshots']>>;
  /** Source → sets whose specs read it. */
  readonly readers: ReadonlyMap<string, readonly string[]>;
}

/** Of each recorded set the versions that serve and the newest one. */
async function storedOf({ resources }: State, featureState: FeatureState | undefined): Promise<Stored> {
  const readers = readersOf(resources);
  if (featureState === undefined) return { versions: [], snapshots: [], readers };
  const sets = new Set(resources.filter(({ kind }) => kind === 'feature_set').map(({ name }) => name));
  const all = (await featureState.versions()).filter(({ set }) => sets.has(set));
  const wanted = all.filter((version) => {
    const ofSet = all.filter(({ set }) => set === version.set);
    return version === ofSet.at(-1) || version.status === 'serving';
  });
  const sources = new Set(resources.filter(({ kind }) => kind === 'source').map(({ name }) => name));
  return {
    versions: await each(wanted, async (version) => ({
      version,
      parts: version.parts === 0 ? [] : await featureState.parts(version.set, version.version),
    })),
    snapshots: (await featureState.latestSnapshots()).filter(({ source }) => sources.has(source)),
    readers,
  };
}

function readersOf(resources: State['resources']): ReadonlyMap<string, readonly string[]> {
  const byAddress = new Map(resources.map((resource) => [resource.address as string, resource]));
  const readers = new Map<string, string[]>();
  for (const set of resources.filter(({ kind }) => kind === 'feature_set')) {
    const seen = new Set<string>();
    const visit = (address: string): void => {
      if (seen.has(address) || !address.startsWith('source.')) return;
      seen.add(address);
      const source = address.slice('source.'.length);
      readers.set(source, [...(readers.get(source) ?? []), set.name]);
      for (const below of byAddress.get(address)?.dependsOn ?? []) visit(below);
    };
    for (const address of set.dependsOn) visit(address);
  }
  return readers;
}

async function tablesOf(
  { versions, snapshots, readers }: Stored,
  offline: OfflineStore,
  signal: AbortSignal,
): Promise<readonly ObservedTable[]> {
  const recorded = [
    ...versions.flatMap(({ version, parts }) => {
      const { set, structure } = version;
      const names = [...keyColumns(structure), ...storedFeatures(structure)].map(({ name }) => name);
      const columns = names.map((name): Column => ({ name, type: '' }));
      const of = { set, version: version.version, pushed: isPushed(structure) };
      return parts.map(({ location, rows }) => ({ of, location, rows, columns, readBy: [set] }));
    }),
    ...snapshots.map(({ source, location, rows, columns }) => ({
      of: { source },
      location,
      rows,
      columns,
      readBy: readers.get(source) ?? [],
    })),
  ];
  const found = await offline.inspect(
    recorded.map(({ location }) => location),
    signal,
  );
  return recorded.flatMap((table, index) => {
    const is = found[index];
    return is === undefined ? [] : [{ ...table, is }];
  });
}

async function onlineOf({ versions }: Stored, online: OnlineStore): Promise<readonly ObservedOnline[]> {
  // A version that does not serve yet is filled by the materialization that makes it serve.
  const filled = versions.filter(({ version, parts }) => version.status === 'serving' && parts.length > 0);
  const states = await online.inspect(filled.map(({ version }) => onlineTable(version)));
  return filled.map(({ version: { set, version, rows, structure }, parts }, index) => {
    const sequence = parts.reduce((greatest, part) => Math.max(greatest, part.sequence), 0);
    const found = states?.[index];
    const one = { set, version, sequence, rows };
    if (found === undefined) return { ...one, is: { state: 'absent' } };
    const { progress, empty } = found;
    if (progress === undefined) return { ...one, is: { state: 'lost' } };
    // A row that was not visible yet, or that was never known, has no record.
    const visible =
      (structure.createdTime === null || structure.asKnownAt === 'now') &&
      parts.some((part) => part.maxVisibleTime <= progress.visibleAt && part.sequence <= progress.sequence);
    if (empty && visible) return { ...one, is: { state: 'emptied' } };
    return { ...one, is: { state: 'filled', sequence: progress.sequence } };
  });
}

async function servedVersions(registry: RegistryStore | undefined): Promise<readonly ModelVersion[]> {
  if (registry === undefined) return [];
  const found: ModelVersion[] = [];
  for (const stage of SERVED) {
    let cursor: string | undefined;
    do {
      const page = await registry.search({ stage, limit: 200, cursor });
      found.push(...page.items);
      cursor = page.nextCursor ?? undefined;
    } while (cursor !== undefined);
  }
  return found;
}

async function artifactsOf(
  { resources }: State,
  versions: readonly ModelVersion[],
  artifacts: ArtifactStore,
): Promise<readonly ObservedArtifact[]> {
  const wanted: Omit<ObservedArtifact, 'storedBytes'>[] = [];
  for (const resource of resources) {
    if (resource.kind !== 'pipeline') continue;
    for (const [task, spec] of Object.entries(resource.spec.tasks)) {
      const files = 'bundle' in spec ? (spec.bundle?.files ?? {}) : {};
      for (const [file, digest] of Object.entries(files)) {
        const of = { pipeline: resource.name, task, file };
        wanted.push({ of, digest, bytes: null });
      }
    }
  }
  for (const { name, version, id, stage, artifacts: own } of versions) {
    for (const { path, digest, bytes } of own)
      if (digest !== null) wanted.push({ of: { model: name, version, id, stage, path }, digest, bytes });
  }
  return each(wanted, async (one) => ({ ...one, storedBytes: (await artifacts.has(one.digest))?.bytes ?? null }));
}

async function registryOf(
  { resources }: State,
  versions: readonly ModelVersion[],
  registry: RegistryStore | undefined,
): Promise<readonly RegistryDifference[]> {
  if (registry === undefined) return [];
  const newest = new Map((await registry.models()).map(({ name, latest }) => [name, latest]));
  const endpoints = resources.filter((one): one is RecordedResource<'endpoint'> => one.kind === 'endpoint');
  const followed = endpoints.flatMap(({ name, spec }) => modelsOf(spec).map((of) => ({ endpoint: name, of })));
  const unserved = await each(followed, async ({ endpoint, of }): Promise<RegistryDifference[]> => {
    const { role, name, member, model, stage, version } = of;
    const latest = newest.get(model);
    // Nothing was ever registered: nothing is lost.
    if (latest === undefined) return [];
    const found =
      version === undefined
        ? await registry.atStage(model, stage ?? 'production')
        : await registry.version(model, version);
    if (found !== undefined) return [];
    const what = version === undefined ? `stage ${stage ?? 'production'}` : `version ${version}`;
    const who = { role, variant: name, ...(member !== undefined && { member }) };
    return [{ about: 'endpoint', endpoint, ...who, model, follows: what, newest: latest }];
  });
  // A version names a set as it was called when it was trained.
  const sets = new Set(
    resources
      .filter(({ kind }) => kind === 'feature_set')
      .flatMap(({ name, formerNames = [] }) => [name, ...formerNames]),
  );
  const orphans = versions.flatMap(({ name: model, version, stage, signature }): RegistryDifference[] => {
    const read = new Set(
      (signature?.features ?? []).flatMap((feature) => (feature.includes('.') ? [feature.split('.')[0] ?? ''] : [])),
    );
    const gone = [...read].filter((set) => !sets.has(set)).sort();
    return gone.length === 0 ? [] : [{ about: 'version', model, version, stage, sets: gone }];
  });
  return [...unserved.flat(), ...orphans];
}

async function sourcesOf(
  resources: State['resources'],
  { snapshots }: Stored,
  root: string,
): Promise<readonly ObservedSource[]> {
  const { describe, close } = describeSourceFor(root);
  try {
    const sources = resources.filter((one): one is RecordedResource<'source'> => one.kind === 'source');
    const found: ObservedSource[] = [];
    for (const { name: source, spec, outputs } of sources) {
      const { file } = spec;
      if (file === undefined || file.includes('://')) continue;
      // A copy in Parquet may have other types than its file: then only the names are compared.
      const copied = snapshots
        .find((one) => one.source === source)
        ?.columns.map(({ name }): Column => ({ name, type: '' }));
      const one = { source, file, columns: columnsIn(outputs) ?? copied ?? null };
      const gone = areManyFiles(root, file)
        ? sourceFiles(root, file).length === 0
        : (await stat(resolve(root, file)).catch(() => undefined)) === undefined;
      if (gone) {
        found.push({ ...one, is: { state: 'gone' } });
        continue;
      }
      const is = await describe(spec, root).then(
        (columns): ObservedSource['is'] => ({ state: 'read', columns: columns ?? [] }),
        (error: unknown): ObservedSource['is'] => ({
          state: 'unreadable',
          why: error instanceof MlopsError ? error.detail : String(error),
        }),
      );
      found.push({ ...one, is });
    }
    return found;
  } finally {
    await close();
  }
}

/** What an apply recorded of a source's columns. */
function columnsIn(outputs: Readonly<Record<string, unknown>>): readonly Column[] | undefined {
  const { columns } = outputs;
  const isColumn = (item: unknown): item is Column => typeof (item as Column | null)?.name === 'string';
  return Array.isArray(columns) && columns.every(isColumn) ? columns : undefined;
}

/** In order, a few at once. */
async function each<T, R>(items: readonly T[], work: (item: T) => Promise<R>): Promise<R[]> {
  const results: R[] = [];
  const queue = items.entries();
  await Promise.all(
    Array.from({ length: Math.min(AT_ONCE, items.length) }, async () => {
      for (const [index, item] of queue) results[index] = await work(item);
    }),
  );
  return results;
}
