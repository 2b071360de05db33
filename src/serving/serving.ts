/**
 * Serving: an endpoint's answer to a request. The key decides the variant, the variant's model answers from features read online,
 * and what was answered is logged. Follows applies and promotions by itself: a notification is a hint, polling stands behind it.
 */
import { randomUUID } from 'node:crypto';
import { MlopsError } from '../lib/error.ts';
import type { JsonObject } from '../lib/json.ts';
import { createLogWriter, type LogStatus } from '../lib/log-writer.ts';
import { didYouMean } from '../lib/suggest.ts';
import type { ArtifactStore } from '../stores/artifacts.ts';
import type { Catalog } from '../stores/control/catalog.ts';
import type { NewPrediction, PredictionLogStore } from '../stores/control/prediction-log.ts';
import type { RegistryStore } from '../stores/control/registry.ts';
import { keyText } from './bucket.ts';
import {
  type CompiledEndpoint,
  compileEndpoint,
  type EndpointStatus,
  nothingToServe,
  statusOf,
  unknownEndpoint,
} from './compiled-endpoint.ts';
import type { FeatureReader } from './feature-reader.ts';
import type { LoadedModel } from './loaded-model.ts';
import { jsonValue, loggedEntity } from './logged-values.ts';
import { modelInputs } from './model-inputs.ts';
import { createModelSlots, type ModelSlots } from './model-slots.ts';
import type { OnnxRuntime } from './onnx-runtime.ts';
import { createPlainAnswer } from './plain-answer.ts';
import type { PredictAnswer, ServedBy } from './predict-answer.ts';
import { type PredictRequest, type RequestRow, readRows } from './predict-request.ts';
import { type Prediction, predictionsOf } from './prediction.ts';
import type { RolloutTrafficReader } from './rollouts/rollout-traffic.ts';
import { createLoadedVersions, type LoadedVersions } from './runtime/loaded-versions.ts';
import { withoutWhatIsNotLogged } from './what-is-logged.ts';

export interface ServingStatus {
  readonly endpoints: readonly EndpointStatus[];
  /** Why promotions and applies cannot be followed now; what is loaded goes on serving. */
  readonly error: string | null;
  readonly log: LogStatus;
}

export interface Serving {
  /** Loads what the applied endpoints ask for, and follows from then on. Resolves when all has been tried once. */
  start(): Promise<void>;
  /** EP201, EP202, EP203, EP204, API422. */
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
  /** A slot serves another version now; undefined: none. */
  readonly onSwap?: (model: string, version: number | undefined) => void;
  /** A version does not load; told once for each version, while it is tried again and again. */
  readonly onFailure?: (model: string, version: number, cause: unknown) => void;
}

const CLOSE_AFTER_MS = 10_000;
/** Rows of the log that are written at once, where there are so many: the more there are the less each costs. */
const LOG_BATCH = 2_000;

export function createServing(dependencies: ServingDependencies): Serving {
  const { catalog, registry, newId = randomUUID, monotonicMs = () => performance.now(), pollMs = 2_000 } = dependencies;
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
    targets: () => [...endpoints().values()].flatMap(({ targets }) => [...targets.values()]),
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
  const lookUp = async ({ spec, targets }: CompiledEndpoint): Promise<void> => {
    const { rollouts } = dependencies;
    // Which keys are the candidate's is known before the first answer, or, where the store is away, it has none.
    if (spec.rollout !== undefined && rollouts?.revision === 0) await rollouts.refresh().catch(() => {});
    const all = [...targets.values()];
    if (all.every((target) => slots.known(target))) return;
    await slots.refresh().catch((error: unknown) => {
      if (!all.some((target) => slots.current(target))) throw error;
    });
  };

  const plainly = createPlainAnswer({ ...dependencies, slots, log: writer.add, newId, monotonicMs });

  const endpointOf = (name: string): CompiledEndpoint | undefined =>
    endpoints().get(catalog.get('endpoint', name)?.name ?? name);

  const predict: Serving['predict'] = (name, request) => {
    const endpoint = endpointOf(name);
    const isFull = writer.room() !== undefined;
    return (endpoint && !isFull ? plainly(endpoint, name, request) : undefined) ?? generally(name, request);
  };

  const generally: Serving['predict'] = async (name, request) => {
    await writer.room();
    const startMs = monotonicMs();
    const endpoint = endpointOf(name);
    if (endpoint === undefined) throw unknownEndpoint(name, endpoints().keys());
    const rows = readRows(request);
    await lookUp(endpoint);
    const requestId = request.requestId ?? newId();

    const groups = groupByVariant(endpoint, rows, request, requestId, slots);
    const results = await Promise.all(
      [...groups].map(async ([variant, positions]) => {
        const loaded = slots.current(endpoint.targets.get(variant)!)!;
        return loaded.use(() => answerGroup(endpoint, loaded, variant, positions, rows, dependencies));
      }),
    );

    const latencyMs = monotonicMs() - startMs;
    const byRow = new Array<RowAnswer>(rows.length);
    for (const group of results) for (const answer of group) byRow[answer.position] = answer;
    byRow.forEach(({ servedBy: { variant, model }, features, prediction, reads }, ordinal) => {
      writer.add({
        id: newId(),
        requestId,
        ordinal,
        endpoint: name,
        variant,
        model: model.name,
        version: model.version,
        entity: loggedEntity(rows[ordinal]!),
        features,
        prediction,
        latencyMs,
        reads,
      });
    });
    const { variant, model } = byRow[0]!.servedBy;
    return {
      request_id: requestId,
      predictions: byRow.map(({ prediction }) => prediction),
      model,
      variant,
      features: byRow.map(({ features }) => features),
      ...(groups.size > 1 ? { served_by: byRow.map(({ servedBy }) => servedBy) } : {}),
    };
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
    }),
    close: async (signal = AbortSignal.timeout(CLOSE_AFTER_MS)) => {
      for (const end of ends.splice(0)) await end();
      await dependencies.rollouts?.close();
      await writer.drain(signal);
      await slots.close();
      if (dependencies.versions === undefined) await versions.close();
    },
  };
}

/** Positions of the rows by the variant that answers them. The key is the entity's, else the inputs', else the context's, else the request. */
function groupByVariant(
  { spec, router, targets }: CompiledEndpoint,
  rows: readonly RequestRow[],
  request: PredictRequest,
  requestId: string,
  slots: ModelSlots,
): ReadonlyMap<string, readonly number[]> {
  const groups = new Map<string, number[]>();
  const serves = (variant: string): boolean => slots.current(targets.get(variant)!) !== undefined;
  rows.forEach(({ entity, inputs }, position) => {
    const named = Array.isArray(inputs) ? undefined : (inputs as Readonly<Record<string, unknown>> | undefined);
    const key = entity?.[spec.key] ?? named?.[spec.key] ?? request.context?.[spec.key];
    if (key === undefined && entity !== undefined) {
      throw new MlopsError('EP204', {
        detail: `Row ${position} has no key "${spec.key}", which decides the variant of endpoint ${spec.name}.`,
        hint: didYouMean(spec.key, Object.keys(entity)),
        status: 422,
        data: { errors: [{ pointer: `/entities/${position}`, detail: `the key "${spec.key}" is missing` }] },
      });
    }
    const variant = router.route(key === undefined ? requestId : keyText(key, spec.key), serves);
    if (variant === undefined) throw nothingToServe(spec, targets, slots);
    const group = groups.get(variant);
    if (group === undefined) groups.set(variant, [position]);
    else group.push(position);
  });
  return groups;
}

interface RowAnswer {
  readonly position: number;
  readonly servedBy: ServedBy;
  readonly features: JsonObject;
  readonly prediction: Prediction;
  readonly reads: JsonObject;
}

async function answerGroup(
  { spec, batching }: CompiledEndpoint,
  loaded: LoadedModel,
  variant: string,
  positions: readonly number[],
  rows: readonly RequestRow[],
  { features, catalog }: ServingDependencies,
): Promise<readonly RowAnswer[]> {
  const { columns, reads } = await modelInputs({
    loaded,
    rows: positions.map((position) => rows[position]!),
    positions,
    key: spec.key,
    reader: `endpoint:${spec.name}`,
    features,
    catalog,
  });
  const answer = await loaded.model.answer(columns, positions.length, batching);
  const predictions = predictionsOf(answer, loaded.task);
  const servedBy = { variant, model: { name: loaded.version.name, version: loaded.version.version } };
  return positions.map((position, row) => ({
    position,
    servedBy,
    features: Object.fromEntries(loaded.features.map((feature, at) => [feature, jsonValue(columns[at]![row])])),
    prediction: predictions[row]!,
    reads: reads[row]!,
  }));
}
