/**
 * The versions in memory, one of each for all who ask: endpoints, routes of a version, the Open Inference Protocol. What somebody holds
 * stays; what is loaded on demand stays too until the memory is needed, and goes least recently used first. Memory is counted as the size
 * of the file, or what loading it was measured to take, whichever is more.
 */
import { MlopsError } from '../../lib/error.ts';
import { sizeInWords } from '../../lib/units.ts';
import type { ArtifactStore } from '../../stores/artifacts.ts';
import type { Catalog } from '../../stores/control/catalog.ts';
import type { ModelVersion, RegistryStore } from '../../stores/control/registry.ts';
import { type LoadedModel, loadedModel } from '../loaded-model.ts';
import type { OnnxRuntime } from '../onnx-runtime.ts';
import type { OnnxSession } from './onnx-session.ts';
import { openVersion, servedFile } from './open-version.ts';

export interface LoadedVersion {
  readonly version: ModelVersion;
  readonly session: OnnxSession;
  /** What it counts for. */
  readonly bytes: number;
  /** The way of features. MD204 where the file does not take those of its version, or these are not known. */
  forFeatures(): LoadedModel;
  /** It stays in memory until the body has ended. */
  use<T>(body: () => Promise<T>): Promise<T>;
}

export interface Lease {
  readonly loaded: LoadedVersion;
  /** Once; a second call does nothing. */
  release(): void;
}

export interface LoadedVersions {
  /**
   * Loads the version on demand, or answers the one in memory; while the lease lasts it stays, afterwards until memory is needed.
   * MD201 unknown, MD203 damaged, MD204 cannot serve, MD215 no memory.
   */
  acquire(model: string, version: number): Promise<Lease>;
  /** The same of a version in hand. `pinned`: for good, until released; then it goes at once where nobody asked for it on demand. */
  hold(version: ModelVersion, options?: { readonly pinned?: boolean }): Promise<Lease>;
  /** The version where it is in memory, without waiting. Counts as use. */
  peek(versionId: string): LoadedVersion | undefined;
  /** No longer kept for who asked on demand; goes once nobody holds or uses it. */
  unload(versionId: string): void;
  status(): MemoryStatus;
  /** Releases all as their last use ends. */
  close(): Promise<void>;
}

export interface MemoryStatus {
  readonly budgetBytes: number;
  readonly usedBytes: number;
  readonly loaded: readonly LoadedStatus[];
}

export interface LoadedStatus {
  readonly version: ModelVersion;
  readonly bytes: number;
  readonly pinned: boolean;
}

export interface LoadedVersionsDependencies {
  readonly registry: Pick<RegistryStore, 'version'>;
  readonly artifacts: ArtifactStore;
  readonly catalog: Catalog;
  readonly runtime: OnnxRuntime;
  /** Of all versions together. Default: no bound. */
  readonly budgetBytes?: number | undefined;
  /** Memory of this process outside of JavaScript's heap. */
  readonly nativeBytes?: () => number;
}

interface Entry extends LoadedVersion {
  pins: number;
  leases: number;
  uses: number;
  /** Somebody asked for it without pinning it. */
  onDemand: boolean;
  usedAt: number;
  gone: boolean;
}

export function createLoadedVersions(dependencies: LoadedVersionsDependencies): LoadedVersions {
  const {
    registry,
    artifacts,
    catalog,
    runtime,
    budgetBytes = Number.POSITIVE_INFINITY,
    nativeBytes = measuredNative,
  } = dependencies;
  const entries = new Map<string, Entry>();
  const opening = new Map<string, Promise<Entry>>();
  /** What files were measured to take, by digest: the most of all times, for memory that was there to be used again is not seen. */
  const measured = new Map<string, number>();
  let turn: Promise<unknown> = Promise.resolve();
  let clock = 0;
  let closed = false;

  const used = (): number => [...entries.values()].reduce((sum, { bytes }) => sum + bytes, 0);
  const idle = ({ pins, leases, uses }: Entry): boolean => pins === 0 && leases === 0 && uses === 0;

  function drop(entry: Entry): void {
    if (entry.gone) return;
    entry.gone = true;
    entries.delete(entry.version.id);
    // Nothing refers to the session any more: a failure here could only concern memory that is given back anyway.
    entry.session.release().catch(() => {});
  }

  const settle = (entry: Entry): void => {
    if (idle(entry) && (closed || !entry.onDemand)) drop(entry);
  };

  /** Lets go of what nobody holds, the longest unused first, until so much is free. MD215 where that does not do. */
  function makeRoom(version: ModelVersion, bytes: number): void {
    while (used() + bytes > budgetBytes) {
      const oldest = [...entries.values()].filter(idle).sort((a, b) => a.usedAt - b.usedAt)[0];
      if (oldest === undefined) throw doesNotFit(version, bytes, budgetBytes, used());
      drop(oldest);
    }
  }

  async function open(version: ModelVersion): Promise<Entry> {
    const file = servedFile(version);
    const known = measured.get(file.digest) ?? file.bytes ?? (await artifacts.has(file.digest))?.bytes ?? 0;
    makeRoom(version, known);
    const { session, bytes: found } = await openVersion(version, { artifacts, runtime, nativeBytes });
    const bytes = Math.max(known, found);
    try {
      makeRoom(version, bytes);
    } catch (error) {
      await session.release();
      throw error;
    } finally {
      measured.set(file.digest, bytes);
    }
    let model: LoadedModel | undefined;
    const entry: Entry = {
      version,
      session,
      bytes,
      forFeatures: () => {
        model ??= loadedModel(version, session, { catalog, use: entry.use });
        return model;
      },
      use: (body) => {
        entry.uses += 1;
        clock += 1;
        entry.usedAt = clock;
        const ended = (): void => {
          entry.uses -= 1;
          settle(entry);
        };
        try {
          const used = body();
          used.then(ended, ended);
          return used;
        } catch (error) {
          ended();
          return Promise.reject(error);
        }
      },
      pins: 0,
      leases: 0,
      uses: 0,
      onDemand: false,
      usedAt: 0,
      gone: false,
    };
    entries.set(version.id, entry);
    return entry;
  }

  /** One opens at a time, so that what it takes is measured alone. */
  function opened(version: ModelVersion): Promise<Entry> {
    const under = opening.get(version.id);
    if (under !== undefined) return under;
    const next = turn.then(() => open(version));
    turn = next.catch(() => {});
    opening.set(version.id, next);
    const ended = (): void => void opening.delete(version.id);
    next.then(ended, ended);
    return next;
  }

  const hold: LoadedVersions['hold'] = async (version, { pinned = false } = {}) => {
    let entry = entries.get(version.id);
    // What was opened for somebody else may be gone again before its turn comes here.
    while (entry === undefined || entry.gone) entry = await opened(version);
    if (pinned) entry.pins += 1;
    else {
      entry.leases += 1;
      entry.onDemand = true;
    }
    clock += 1;
    entry.usedAt = clock;
    const held = entry;
    let released = false;
    return {
      loaded: held,
      release: () => {
        if (released) return;
        released = true;
        if (pinned) held.pins -= 1;
        else held.leases -= 1;
        settle(held);
      },
    };
  };

  return {
    acquire: async (model, number) => {
      const version = await registry.version(model, number);
      if (version === undefined) throw unknownVersion(model, number);
      return hold(version);
    },
    hold,
    peek: (versionId) => {
      const entry = entries.get(versionId);
      if (entry === undefined) return undefined;
      entry.onDemand = true;
      clock += 1;
      entry.usedAt = clock;
      return entry;
    },
    unload: (versionId) => {
      const entry = entries.get(versionId);
      if (entry === undefined) return;
      entry.onDemand = false;
      settle(entry);
    },
    status: () => ({
      budgetBytes,
      usedBytes: used(),
      loaded: [...entries.values()].map(({ version, bytes, pins }) => ({ version, bytes, pinned: pins > 0 })),
    }),
    close: async () => {
      closed = true;
      await turn;
      for (const entry of [...entries.values()]) settle(entry);
    },
  };
}

function measuredNative(): number {
  const { rss, heapTotal, external } = process.memoryUsage();
  return rss - heapTotal - external;
}

export function unknownVersion(model: string, version: number): MlopsError {
  return new MlopsError('MD201', {
    detail: `model.${model} has no version ${version}.`,
    hint: `mlops models show ${model} lists its versions`,
    address: `model.${model}`,
    status: 404,
  });
}

function doesNotFit({ name, version }: ModelVersion, bytes: number, budget: number, held: number): MlopsError {
  return new MlopsError('MD215', {
    detail: `Version ${version} of ${name} takes ${sizeInWords(bytes)}; of ${sizeInWords(budget)} for models, ${sizeInWords(held)} are taken by versions that endpoints keep or that answer now.`,
    hint: 'set serving: { memory } of the environment higher, or let endpoints go',
    address: `model.${name}`,
    status: 503,
    retryable: true,
  });
}
