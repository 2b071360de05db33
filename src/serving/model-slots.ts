/**
 * Keeps loaded what the applied endpoints ask for: a slot for each model and stage (or fixed version). A slot goes on with the
 * version it has until the next one is loaded; one that fails to load never replaces one that serves, and is tried again later.
 */

import { MlopsError } from '../lib/error.ts';
import { oneAtATime } from '../lib/one-at-a-time.ts';
import type { ModelVersion, RegistryStore, Stage } from '../stores/control/registry.ts';
import type { LoadedModel } from './loaded-model.ts';
import type { Lease, LoadedVersions } from './runtime/loaded-versions.ts';

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
  lease: Lease | undefined;
  failure: (SlotFailure & { readonly versionId: string; retryAtMs: number }) | undefined;
}

export interface ModelSlotsDependencies {
  readonly targets: () => readonly Target[];
  readonly registry: RegistryStore;
  readonly versions: Pick<LoadedVersions, 'hold'>;
  /** Milliseconds of a clock that never jumps. */
  readonly monotonicMs: () => number;
  readonly onSwap: (target: Target, version: ModelVersion | undefined) => void;
  /** A version does not load. Called at the first attempt; what serves goes on. */
  readonly onFailure: (version: ModelVersion, cause: unknown) => void;
}

const RETRY_FIRST_MS = 2_000;
const RETRY_MOST_MS = 60_000;

export function createModelSlots(dependencies: ModelSlotsDependencies): ModelSlots {
  const { registry, versions, monotonicMs } = dependencies;
  const slots = new Map<string, Slot>();
  let error: string | null = null;
  let closed = false;

  const put = (target: Target, slot: Slot, lease: Lease | undefined): void => {
    const before = slot.lease;
    const next = lease?.loaded.forFeatures();
    slot.lease = lease;
    slot.current = next;
    before?.release();
    dependencies.onSwap(target, next?.version);
  };

  const refreshSlot = async (target: Target): Promise<void> => {
    const key = keyOf(target);
    const slot: Slot = slots.get(key) ?? { current: undefined, lease: undefined, failure: undefined };
    const wanted =
      target.version === undefined
        ? await registry.atStage(target.model, target.stage)
        : await registry.version(target.model, target.version);
    slots.set(key, slot);
    if (wanted === undefined) {
      slot.failure = undefined;
      if (slot.lease !== undefined) put(target, slot, undefined);
      return;
    }
    if (slot.current?.version.id === wanted.id) {
      slot.failure = undefined;
      return;
    }
    const { failure } = slot;
    if (failure?.versionId === wanted.id && monotonicMs() < failure.retryAtMs) return;
    let lease: Lease | undefined;
    try {
      lease = await versions.hold(wanted, { pinned: true });
      if (closed) lease.release();
      else put(target, slot, lease);
      slot.failure = undefined;
    } catch (cause) {
      lease?.release();
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
      slot.lease?.release();
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
      for (const slot of slots.values()) slot.lease?.release();
      slots.clear();
    },
  };
}

function keyOf({ model, stage, version }: Target): string {
  return version === undefined ? `${model}/${stage}` : `${model}@${version}`;
}
