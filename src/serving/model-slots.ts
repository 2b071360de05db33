/**
 * Keeps loaded what the applied endpoints ask for: a slot for each model and stage (or fixed version). A slot goes on with the
 * version it has until the next one is loaded; one that fails to load never replaces one that serves, and is tried again later.
 */

import { MlopsError } from '../lib/error.ts';
import { oneAtATime } from '../lib/one-at-a-time.ts';
import type { ArtifactStore } from '../stores/artifacts.ts';
import type { Catalog } from '../stores/control/catalog.ts';
import type { ModelVersion, RegistryStore, Stage } from '../stores/control/registry.ts';
import { type LoadedModel, loadModel } from './loaded-model.ts';
import type { OnnxRuntime } from './onnx-runtime.ts';

export interface Target {
  readonly model: string;
  readonly stage: Stage;
  /** Stays at this version instead of following the stage. */
  readonly version: number | undefined;
}

export interface SlotFailure {
  /** Null where no version could be looked up. */
  readonly version: number | null;
  readonly code: string | null;
  readonly detail: string;
  readonly attempts: number;
}

export interface ModelSlots {
  /** Undefined where nothing is loaded for it (yet). */
  current(target: Target): LoadedModel | undefined;
  failure(target: Target): SlotFailure | undefined;
  /** Whether a look-up has been made for the target. */
  known(target: Target): boolean;
  /** Looks up every target, loads what is new, lets go what is no longer asked for. A call during another waits for one that begins after it. */
  refresh(): Promise<void>;
  /** As refresh, and tries again at once what failed to load: something it needs may have changed. */
  retry(): Promise<void>;
  /** What the last refresh could not look up; null where all is well. */
  refreshError(): string | null;
  close(): Promise<void>;
}

interface Slot {
  current: LoadedModel | undefined;
  failure: (SlotFailure & { readonly versionId: string; retryAtMs: number }) | undefined;
}

export interface ModelSlotsDependencies {
  readonly targets: () => readonly Target[];
  readonly registry: RegistryStore;
  readonly artifacts: ArtifactStore;
  readonly catalog: Catalog;
  readonly runtime: OnnxRuntime;
  /** Milliseconds of a clock that never jumps. */
  readonly monotonicMs: () => number;
  readonly onSwap: (target: Target, version: ModelVersion | undefined) => void;
  /** A version does not load. Called at the first attempt; what serves goes on. */
  readonly onFailure: (version: ModelVersion, cause: unknown) => void;
}

const RETRY_FIRST_MS = 2_000;
const RETRY_MOST_MS = 60_000;

export function createModelSlots(dependencies: ModelSlotsDependencies): ModelSlots {
  const { registry, monotonicMs } = dependencies;
  const slots = new Map<string, Slot>();
  let error: string | null = null;
  let closed = false;

  const put = (target: Target, slot: Slot, next: LoadedModel | undefined): void => {
    const before = slot.current;
    if (before === next) return;
    next?.hold();
    slot.current = next;
    before?.letGo();
    dependencies.onSwap(target, next?.version);
  };

  const load = async (version: ModelVersion): Promise<LoadedModel> => {
    for (const { current } of slots.values()) if (current?.version.id === version.id) return current;
    return loadModel(version, dependencies);
  };

  const refreshSlot = async (target: Target): Promise<void> => {
    const key = keyOf(target);
    const slot = slots.get(key) ?? { current: undefined, failure: undefined };
    const wanted =
      target.version === undefined
        ? await registry.atStage(target.model, target.stage)
        : await registry.version(target.model, target.version);
    slots.set(key, slot);
    if (wanted === undefined) {
      slot.failure = undefined;
      put(target, slot, undefined);
      return;
    }
    if (slot.current?.version.id === wanted.id) {
      slot.failure = undefined;
      return;
    }
    const { failure } = slot;
    if (failure?.versionId === wanted.id && monotonicMs() < failure.retryAtMs) return;
    try {
      const loaded = await load(wanted);
      if (closed) loaded.letGo();
      else put(target, slot, loaded);
      slot.failure = undefined;
    } catch (cause) {
      const attempts = failure?.versionId === wanted.id ? failure.attempts + 1 : 1;
      if (attempts === 1) dependencies.onFailure(wanted, cause);
      slot.failure = {
        versionId: wanted.id,
        version: wanted.version,
        code: cause instanceof MlopsError ? cause.code : null,
        detail: cause instanceof MlopsError ? cause.detail : cause instanceof Error ? cause.message : String(cause),
        attempts,
        retryAtMs: monotonicMs() + Math.min(RETRY_MOST_MS, RETRY_FIRST_MS * 2 ** (attempts - 1)),
      };
    }
  };

  const refreshNow = async (): Promise<void> => {
    const targets = new Map(dependencies.targets().map((target) => [keyOf(target), target]));
    for (const [key, slot] of slots) {
      if (targets.has(key)) continue;
      slots.delete(key);
      slot.current?.letGo();
    }
    try {
      for (const target of targets.values()) if (!closed) await refreshSlot(target);
      error = null;
    } catch (cause) {
      error = cause instanceof Error ? cause.message : String(cause);
      throw cause;
    }
  };

  const refreshing = oneAtATime(refreshNow);
  const refresh = refreshing.run;

  return {
    current: (target) => slots.get(keyOf(target))?.current,
    failure: (target) => slots.get(keyOf(target))?.failure,
    known: (target) => slots.has(keyOf(target)),
    refresh,
    retry: () => {
      for (const { failure } of slots.values()) if (failure !== undefined) failure.retryAtMs = 0;
      return refresh();
    },
    refreshError: () => error,
    close: async () => {
      closed = true;
      await refreshing.settled();
      for (const slot of slots.values()) slot.current?.letGo();
      slots.clear();
    },
  };
}

function keyOf({ model, stage, version }: Target): string {
  return version === undefined ? `${model}/${stage}` : `${model}@${version}`;
}
