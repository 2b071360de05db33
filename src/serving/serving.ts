/**
 * Serving: an endpoint's answer to a request. The key decides the variant, the variant's model answers from features read online,
 * and what was answered is logged. Follows applies and promotions by itself: a notification is a hint, polling stands behind it.
 */
import { randomUUID } from 'node:crypto';
import { createLogWriter, type LogStatus } from '../lib/log-writer.ts';
import type { ArtifactStore } from '../stores/artifacts.ts';
import type { Catalog } from '../stores/control/catalog.ts';
import type { NewPrediction, PredictionLogStore } from '../stores/control/prediction-log.ts';
import type { RegistryStore } from '../stores/control/registry.ts';
import { createAdmission } from './admission.ts';
import { answerOf, inOrder } from './answer-of.ts';
import { answerVariant } from './answer-variant.ts';
import { answerByVersion } from './answer-version.ts';
import { type CompiledEndpoint, compileEndpoint } from './compiled-endpoint.ts';
import { type EndpointStatus, nothingToServe, serves, statusOf, unknownEndpoint } from './endpoint-status.ts';
import type { FeatureReader } from './feature-reader.ts';
import { createModelSlots, type ModelSlots } from './model-slots.ts';
import type { OnnxRuntime } from './onnx-runtime.ts';
import { createPlainAnswer } from './plain-answer.ts';
import type { PredictAnswer } from './predict-answer.ts';
import { type PredictRequest, readRows } from './predict-request.ts';
import { createRequestLog } from './request-log.ts';
import type { RolloutTrafficReader } from './rollouts/rollout-traffic.ts';
import { type RuleCounts, routeRows } from './route-rows.ts';
import { createLoadedVersions, type LoadedVersions } from './runtime/loaded-versions.ts';
import { createShadows, type ShadowCounts } from './shadows.ts';
import { withoutWhatIsNotLogged } from './what-is-logged.ts';

export interface ServingStatus {
  readonly endpoints: readonly EndpointStatus[];
  /** Why promotions and applies cannot be followed now; what is loaded goes on serving. */
  readonly error: string | null;
  readonly log: LogStatus;
  /** Since this process began. */
  readonly rules: readonly {
    readonly endpoint: string;
    readonly rule: string;
    readonly matched: number;
    readonly failed: number;
  }[];
  readonly shadows: readonly (ShadowCounts & { readonly endpoint: string; readonly shadow: string })[];
  readonly refused: number;
}

export interface Serving {
  /** Loads what the applied endpoints ask for, and follows from then on. Resolves when all has been tried once. */
  start(): Promise<void>;
  /** EP201, EP202, EP203, EP204, EP206 to EP210, API422. */
  predict(endpoint: string, request: PredictRequest): Promise<PredictAnswer>;
  /** Looks now for what is promoted or applied. */
  refresh(): Promise<void>;
  status(): ServingStatus;
  /** Ends following, writes the rest of the log until the signal aborts, and releases the models. */
  close(signal?: AbortSignal): Promise<void>;
}

export interface ServingDependencies {
  readonly catalog: Catalog;
  readonly registry: RegistryStore;
  readonly artifacts: ArtifactStore;
  readonly features: FeatureReader;
  readonly log: PredictionLogStore;
  readonly runtime: OnnxRuntime;
  /** The versions in memory, which others share. Default: its own, without a bound. */
  readonly versions?: LoadedVersions;
  /** What rollouts say of the traffic. Default: no candidate gets any. */
  readonly rollouts?: RolloutTrafficReader;
  /** Of requests and log entries. Default: random UUIDs. */
  readonly newId?: () => string;
  /** Milliseconds of a clock that never jumps. Default performance.now. */
  readonly monotonicMs?: () => number;
  /** How often promotions are looked for behind the notifications. Default 2000. */
  readonly pollMs?: number;
  /** Requests that are answered at once; more are refused (EP209). Default 2000. */
  readonly mostAtOnce?: number;
  /** A slot serves another version now; undefined: none. */
  readonly onSwap?: (model: string, version: number | undefined) => void;
  /** A version does not load; told once for each version, while it is tried again and again. */
  readonly onFailure?: (model: string, version: number, cause: unknown) => void;
}

const CLOSE_AFTER_MS = 10_000;
const MOST_AT_ONCE = 2_000;
/** Rows of the log that are written at once, where there are so many: the more there are the less each costs. */
const LOG_BATCH = 2_000;

export function createServing(dependencies: ServingDependencies): Serving {
  const { catalog, registry, newId = randomUUID, monotonicMs = () => performance.now() } = dependencies;
  const { pollMs = 2_000, mostAtOnce = MOST_AT_ONCE } = dependencies;
  let compiled: ReadonlyMap<string, CompiledEndpoint> = new Map();
  let compiledRevision = -1;
  const endpoints = (): ReadonlyMap<string, CompiledEndpoint> => {
    if (compiledRevision !== catalog.revision) {
      compiled = new Map(
        catalog
          .list('endpoint')
          .map(({ name, spec }) => [name, compileEndpoint(spec, dependencies.rollouts, () => slots)]),
      );
      compiledRevision = catalog.revision;
    }
    return compiled;
  };
  const versions = dependencies.versions ?? createLoadedVersions(dependencies);
  const slots: ModelSlots = createModelSlots({
    ...dependencies,
    versions,
    monotonicMs,
    targets: () => [...endpoints().values()].flatMap(({ allTargets }) => allTargets),
    onSwap: ({ model }, version) => dependencies.onSwap?.(model, version?.version),
    onFailure: ({ name, version }, cause) => dependencies.onFailure?.(name, version, cause),
  });
  const writer = withoutWhatIsNotLogged(
    createLogWriter<Omit<NewPrediction, 'ageMs'>>(dependencies.log.append, { monotonicMs, maxBatch: LOG_BATCH }),
    (name) => catalog.get('endpoint', name)?.spec.log,
    (set) => catalog.get('feature_set', set)?.name ?? set,
  );
  const ends: (() => void | Promise<void>)[] = [];
  /** A look in the background: what fails stands in the status, and the next poll tries again. */
  const follow = (): void => void slots.refresh().catch(() => {});
  const retry = (): void => void slots.retry().catch(() => {});

  /** The first request of an endpoint that was just applied waits for its models; where some already serve, no failure stops it. */
  const lookUp = async ({ spec, allTargets: all }: CompiledEndpoint): Promise<void> => {
    const { rollouts } = dependencies;
    // Which keys are the candidate's is known before the first answer, or, where the store is away, it has none.
    if (spec.rollout !== undefined && rollouts?.revision === 0) await rollouts.refresh().catch(() => {});
    if (all.every((target) => slots.known(target))) return;
    await slots.refresh().catch((error: unknown) => {
      if (!all.some((target) => slots.current(target))) throw error;
    });
  };

  const plainly = createPlainAnswer({ ...dependencies, slots, log: writer.add, newId, monotonicMs });

  const endpointOf = (name: string): CompiledEndpoint | undefined =>
    endpoints().get(catalog.get('endpoint', name)?.name ?? name);

  const shadows = createShadows({ ...dependencies, monotonicMs, slots, log: writer.add, newId });
  /** By endpoint: an apply starts no count anew. */
  const rules = new Map<string, RuleCounts>();
  const ruleCounts = (endpoint: string): RuleCounts => {
    const counts = rules.get(endpoint) ?? new Map();
    rules.set(endpoint, counts);
    return counts;
  };

  const admission = createAdmission(mostAtOnce);
  const predict: Serving['predict'] = (name, request) =>
    admission.admit(() => {
      const endpoint = endpointOf(name);
      const isAsked = request.variant !== undefined || request.version !== undefined;
      const isPlain = endpoint !== undefined && !isAsked && writer.room() === undefined;
      return (isPlain ? plainly(endpoint, name, request) : undefined) ?? generally(name, request);
    });

  const generally: Serving['predict'] = async (name, request) => {
    await writer.room();
    const startMs = monotonicMs();
    const endpoint = endpointOf(name);
    if (endpoint === undefined) throw unknownEndpoint(name, endpoints().keys());
    const rows = readRows(request);
    const requestId = request.requestId ?? newId();
    const log = createRequestLog({ name, requestId, rows, add: writer.add, newId, monotonicMs, startMs });
    if (request.version !== undefined) {
      const byRow = await answerByVersion(endpoint, request.version, rows, { ...dependencies, monotonicMs, versions });
      log.answered(byRow, () => 'asked');
      return answerOf(requestId, byRow);
    }
    await lookUp(endpoint);
    const loaded = (variant: string): boolean => serves(endpoint.variants.get(variant)!, slots);
    const { groups, why, keys } = routeRows(endpoint, rows, request, requestId, {
      serves: loaded,
      nothing: () => nothingToServe(endpoint, slots),
      counts: ruleCounts(endpoint.spec.name),
    });
    const parts = { ...dependencies, monotonicMs, slots, serves: loaded, onFailure: log.failed(why) };
    const groupAnswers = [...groups].map(([variant, positions]) =>
      answerVariant(endpoint, endpoint.variants.get(variant)!, positions, rows, request.context ?? {}, parts),
    );
    const byRow = inOrder(await Promise.all(groupAnswers), rows.length);
    log.answered(byRow, (position) => why[position]!);
    if (endpoint.shadows.length > 0 && request.variant === undefined)
      shadows.copy(endpoint, { name, requestId, rows, keys, predictions: byRow.map(({ prediction }) => prediction) });
    return answerOf(requestId, byRow);
  };

  return {
    predict,
    start: async () => {
      ends.push(catalog.onChange(retry));
      const timer = setInterval(follow, pollMs);
      ends.push(() => clearInterval(timer));
      const [listening, following] = await Promise.allSettled([
        registry.onMove(follow),
        dependencies.rollouts?.start(),
      ]);
      if (listening.status === 'fulfilled') ends.push(listening.value);
      await slots.refresh();
      // Polling goes on without it.
      if (listening.status === 'rejected') throw listening.reason;
      if (following.status === 'rejected') throw following.reason;
    },
    refresh: () => slots.refresh(),
    status: () => ({
      endpoints: [...endpoints().values()].map((endpoint) => statusOf(endpoint, slots)),
      error: slots.refreshError(),
      log: writer.status(),
      rules: [...endpoints().values()].flatMap(({ spec, rules: declared }) =>
        declared.map(({ name: rule }) => ({
          endpoint: spec.name,
          rule,
          ...(ruleCounts(spec.name).get(rule) ?? { matched: 0, failed: 0 }),
        })),
      ),
      shadows: [...endpoints().values()].flatMap(({ spec, shadows: declared }) =>
        declared.map(({ name: shadow }) => ({ endpoint: spec.name, shadow, ...shadows.counts(spec.name, shadow) })),
      ),
      refused: admission.refused(),
    }),
    close: async (signal = AbortSignal.timeout(CLOSE_AFTER_MS)) => {
      for (const end of ends.splice(0)) await end();
      await dependencies.rollouts?.close();
      await shadows.close();
      await writer.drain(signal);
      await slots.close();
      if (dependencies.versions === undefined) await versions.close();
    },
  };
}
