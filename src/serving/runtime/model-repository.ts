/**
 * Which version of a model answers, asked by names: the version that is named; else the one in production, else the newest that somebody
 * loaded by hand, else the newest. Follows promotions; a version goes on until the next one is loaded, and one that does not load never
 * replaces one that serves. What is unloaded by hand stays so until it is loaded again, or this process ends.
 */
import { MlopsError } from '../../lib/error.ts';
import type { ModelVersion, RegistryStore } from '../../stores/control/registry.ts';
import { type LoadedVersion, type LoadedVersions, type MemoryStatus, unknownVersion } from './loaded-versions.ts';

export interface ModelRepository {
  /** Follows promotions from now on. */
  start(): Promise<void>;
  /** What answers now, without waiting; undefined where `find` must be asked. */
  current(model: string, version?: number): LoadedVersion | undefined;
  /** Loads it where need be. MD201 unknown, MD216 unloaded by hand, MD203, MD204, MD215 as it does not load. */
  find(model: string, version?: number): Promise<LoadedVersion>;
  /** Loads it now, and takes back an unload; without a version that of all versions. */
  load(model: string, version?: number): Promise<void>;
  /** Answers no more for it. What an endpoint answers with stays in memory for that. */
  unload(model: string, version?: number): Promise<void>;
  /** By name, then version: those in memory, and of each model the one that would answer. */
  index(): Promise<readonly RepositoryEntry[]>;
  /** Numbers of the versions that may be asked for. */
  versions(model: string): Promise<readonly number[]>;
  /** What is in memory, whoever asked for it. */
  memory(): MemoryStatus;
  close(): Promise<void>;
}

export interface RepositoryEntry {
  readonly model: string;
  readonly version: number;
  readonly ready: boolean;
  /** Why it is not ready; empty where it is. */
  readonly reason: string;
}

export interface ModelRepositoryDependencies {
  readonly registry: Pick<RegistryStore, 'version' | 'atStage' | 'search' | 'models' | 'onMove'>;
  readonly versions: LoadedVersions;
  readonly monotonicMs?: () => number;
  /** How long what was looked up holds without a look behind it. Default 2000. */
  readonly freshMs?: number;
}

interface Known {
  versionId: string | undefined;
  checkedMs: number;
  /** A look in hand. */
  looking: Promise<LoadedVersion> | undefined;
  failure: { readonly error: unknown; readonly versionId: string; readonly untilMs: number } | undefined;
}

/** What was loaded and unloaded by hand, of one model. */
interface ByHand {
  allUnloaded: boolean;
  readonly versions: Map<number, 'loaded' | 'unloaded'>;
}

const RETRY_MS = 2_000;
const SHOWN_VERSIONS = 1_000;

export function createModelRepository({
  registry,
  versions,
  monotonicMs = () => performance.now(),
  freshMs = 2_000,
}: ModelRepositoryDependencies): ModelRepository {
  const known = new Map<string, Known>();
  const byHand = new Map<string, ByHand>();
  const ends: (() => Promise<void>)[] = [];

  const keyOf = (model: string, version: number | undefined): string =>
    version === undefined ? model : `${model}\n${version}`;

  const knownOf = (key: string): Known => {
    let found = known.get(key);
    if (found === undefined) {
      found = { versionId: undefined, checkedMs: Number.NEGATIVE_INFINITY, looking: undefined, failure: undefined };
      known.set(key, found);
    }
    return found;
  };

  const isUnloaded = (model: string, version: number): boolean => {
    const hand = byHand.get(model);
    if (hand === undefined) return false;
    return (hand.versions.get(version) ?? (hand.allUnloaded ? 'unloaded' : 'loaded')) === 'unloaded';
  };

  const newestByHand = (model: string): number | undefined => {
    const loaded = [...(byHand.get(model)?.versions ?? [])].flatMap(([version, state]) =>
      state === 'loaded' ? [version] : [],
    );
    return loaded.length === 0 ? undefined : Math.max(...loaded);
  };

  async function wanted(model: string, number: number | undefined): Promise<ModelVersion> {
    if (number !== undefined) {
      const version = await registry.version(model, number);
      if (version === undefined) throw unknownVersion(model, number);
      return version;
    }
    const production = await registry.atStage(model, 'production');
    if (production !== undefined) return production;
    const hand = newestByHand(model);
    const version =
      (hand === undefined ? undefined : await registry.version(model, hand)) ??
      (await registry.search({ name: model, limit: 1 })).items[0];
    if (version === undefined) throw unknownModel(model);
    return version;
  }

  async function look(model: string, number: number | undefined, one: Known): Promise<LoadedVersion> {
    const version = await wanted(model, number);
    if (isUnloaded(model, version.version)) throw unloaded(version);
    const { failure } = one;
    if (failure?.versionId === version.id && monotonicMs() < failure.untilMs) throw failure.error;
    try {
      const lease = await versions.hold(version);
      const before = one.versionId;
      one.versionId = version.id;
      // What answered before is kept no longer for those who ask without a number.
      if (
        before !== undefined &&
        before !== version.id &&
        ![...known.values()].some(({ versionId }) => versionId === before)
      )
        versions.unload(before);
      one.failure = undefined;
      one.checkedMs = monotonicMs();
      lease.release();
      return lease.loaded;
    } catch (error) {
      one.failure = { error, versionId: version.id, untilMs: monotonicMs() + RETRY_MS };
      throw error;
    }
  }

  /** One look at a time for each name. */
  function looked(model: string, number: number | undefined, one: Known): Promise<LoadedVersion> {
    if (one.looking === undefined) {
      const begun = look(model, number, one);
      one.looking = begun;
      const ended = (): void => {
        one.looking = undefined;
      };
      begun.then(ended, ended);
    }
    return one.looking;
  }

  const inMemory = ({ versionId }: Known): LoadedVersion | undefined =>
    versionId === undefined ? undefined : versions.peek(versionId);

  const current: ModelRepository['current'] = (model, number) => {
    const one = known.get(keyOf(model, number));
    if (one === undefined) return undefined;
    const age = monotonicMs() - one.checkedMs;
    if (age > 2 * freshMs) return undefined;
    // The next request finds out whether another one answers by now; this one does not wait for that.
    if (age > freshMs) looked(model, number, one).catch((error: unknown) => forgetUnknown(one, error));
    return inMemory(one);
  };

  /** What is gone from the registry, or unloaded, answers no more; what only fails to load goes on with what it has. */
  function forgetUnknown(one: Known, error: unknown): void {
    if (error instanceof MlopsError && (error.code === 'MD201' || error.code === 'MD216')) one.versionId = undefined;
  }

  const find: ModelRepository['find'] = async (model, number) => {
    const now = current(model, number);
    if (now !== undefined) return now;
    const one = knownOf(keyOf(model, number));
    try {
      return await looked(model, number, one);
    } catch (error) {
      forgetUnknown(one, error);
      const before = inMemory(one);
      if (before !== undefined) return before;
      if (one.versionId === undefined && one.failure === undefined) known.delete(keyOf(model, number));
      throw error;
    }
  };

  const handOf = (model: string): ByHand => {
    const hand = byHand.get(model) ?? { allUnloaded: false, versions: new Map() };
    byHand.set(model, hand);
    return hand;
  };

  /** The next request of any of its names looks anew, past what failed. */
  const changed = (model: string): void => {
    for (const key of [...known.keys()]) if (key === model || key.startsWith(`${model}\n`)) known.delete(key);
  };

  return {
    start: async () => {
      ends.push(
        await registry.onMove(() => {
          // Those that are asked for look by themselves; until then they answer as they did.
          for (const [key, one] of known) {
            const [model = '', number] = key.split('\n');
            if (number === undefined && one.versionId !== undefined && monotonicMs() - one.checkedMs < 2 * freshMs)
              looked(model, undefined, one).catch((error: unknown) => forgetUnknown(one, error));
            else if (number === undefined) one.checkedMs = Number.NEGATIVE_INFINITY;
          }
        }),
      );
    },
    current,
    find,
    load: async (model, number) => {
      if (number === undefined) {
        // Known, before anything is changed.
        if (newestByHand(model) === undefined) await wanted(model, undefined);
        byHand.delete(model);
      } else {
        const version = await wanted(model, number);
        handOf(model).versions.set(version.version, 'loaded');
      }
      changed(model);
      await find(model, number);
    },
    unload: async (model, number) => {
      await wanted(model, number);
      if (number === undefined) {
        const hand = handOf(model);
        hand.allUnloaded = true;
        hand.versions.clear();
      } else handOf(model).versions.set(number, 'unloaded');
      changed(model);
      for (const { version } of versions.status().loaded)
        if (version.name === model && (number === undefined || version.version === number)) versions.unload(version.id);
    },
    index: async () => {
      const entries: RepositoryEntry[] = [];
      const inside = versions.status().loaded.map(({ version }) => version);
      for (const { name } of await registry.models()) {
        const loaded = inside.filter((version) => version.name === name).map(({ version }) => version);
        const answering = await wanted(name, undefined).then(
          ({ version }) => version,
          () => undefined,
        );
        const numbers = new Set([...loaded, ...(byHand.get(name)?.versions.keys() ?? [])]);
        if (answering !== undefined) numbers.add(answering);
        for (const version of [...numbers].sort((a, b) => a - b)) {
          const ready = loaded.includes(version) && !isUnloaded(name, version);
          entries.push({ model: name, version, ready, reason: ready ? '' : reasonOf(name, version) });
        }
      }
      return entries;
    },
    versions: async (model) => {
      const { items } = await registry.search({ name: model, limit: SHOWN_VERSIONS });
      return items.map(({ version }) => version).sort((a, b) => a - b);
    },
    memory: versions.status,
    close: async () => {
      for (const end of ends.splice(0)) await end();
      await Promise.allSettled([...known.values()].map(({ looking }) => looking));
    },
  };

  function reasonOf(model: string, version: number): string {
    if (isUnloaded(model, version)) return 'unloaded';
    const failed = [known.get(keyOf(model, undefined)), known.get(keyOf(model, version))].find(
      (one) => one?.failure !== undefined,
    )?.failure;
    if (failed !== undefined) return failed.error instanceof Error ? failed.error.message : String(failed.error);
    return 'loaded when it is asked for';
  }
}

function unknownModel(model: string): MlopsError {
  return new MlopsError('MD201', {
    detail: `There is no model "${model}".`,
    hint: 'mlops models list shows the models',
    status: 404,
  });
}

function unloaded({ name, version }: ModelVersion): MlopsError {
  return new MlopsError('MD216', {
    detail: `Version ${version} of ${name} was unloaded.`,
    hint: `POST /v2/repository/models/${name}/load loads it again`,
    address: `model.${name}`,
    status: 400,
  });
}
