/**
 * The answer to what is asked by far the most: one row, of an endpoint whose key alone decides between models. It is what the general way
 * answers, with the same parts, and nothing made that is not needed; whatever is out of the ordinary is left to that way.
 */
import { MlopsError } from '../lib/error.ts';
import type { JsonObject } from '../lib/json.ts';
import type { Catalog } from '../stores/control/catalog.ts';
import type { NewPrediction } from '../stores/control/prediction-log.ts';
import { keyText } from './bucket.ts';
import type { CompiledEndpoint } from './compiled-endpoint.ts';
import type { FeatureReader } from './feature-reader.ts';
import type { LoadedModel } from './loaded-model.ts';
import { jsonValue, loggedEntity } from './logged-values.ts';
import { type ModelInputs, modelInputs } from './model-inputs.ts';
import type { ModelSlots } from './model-slots.ts';
import type { PredictAnswer } from './predict-answer.ts';
import type { PredictRequest, RequestRow, Values } from './predict-request.ts';
import { predictionOf } from './prediction.ts';

export interface PlainParts {
  readonly slots: ModelSlots;
  readonly features: FeatureReader;
  readonly catalog: Catalog;
  readonly log: (entry: Omit<NewPrediction, 'ageMs'>) => void;
  readonly newId: () => string;
  readonly monotonicMs: () => number;
}

/** `name`: as it was asked for. Undefined: the general way answers. */
export type PlainAnswer = (
  endpoint: CompiledEndpoint,
  name: string,
  request: PredictRequest,
) => Promise<PredictAnswer> | undefined;

/** Members of a spec, and of its variants, that leave it plain. What is not here is not known here. */
const PLAIN: ReadonlySet<string> = new Set([
  'name',
  'description',
  'owner',
  'tags',
  'protect',
  'suppress',
  'movedFrom',
  'key',
  'variants',
  'split',
  'batching',
  // Whoever logs, and whoever is told outcomes, heeds these.
  'log',
  'feedback',
]);
const PLAIN_VARIANT: ReadonlySet<string> = new Set(['model', 'stage', 'version']);
const FIRST = [0] as const;

export function createPlainAnswer({ slots, features, catalog, log, newId, monotonicMs }: PlainParts): PlainAnswer {
  const plain = new WeakMap<CompiledEndpoint, boolean>();

  function isPlain(endpoint: CompiledEndpoint): boolean {
    const known = plain.get(endpoint);
    if (known !== undefined) return known;
    const { spec } = endpoint;
    const found =
      Object.keys(spec).every((member) => PLAIN.has(member)) &&
      Object.values(spec.variants).every((variant) =>
        Object.keys(variant).every((member) => PLAIN_VARIANT.has(member)),
      );
    plain.set(endpoint, found);
    return found;
  }

  /** The model of the variant that the key belongs to, where all that the endpoint asks for has been looked up. */
  function modelFor({ targets }: CompiledEndpoint, variant: string): LoadedModel | undefined {
    for (const target of targets.values()) if (!slots.known(target)) return undefined;
    const target = targets.get(variant);
    return target && slots.current(target);
  }

  return (endpoint, name, request) => {
    const startMs = monotonicMs();
    if (!isPlain(endpoint)) return undefined;
    const row = onlyRow(request);
    if (row === undefined) return undefined;
    const { spec, router, batching } = endpoint;
    const key = keyOf(row, request, spec.key);
    if (key === undefined) return undefined;
    const variant = router.assigned(key);
    const loaded = modelFor(endpoint, variant);
    if (loaded === undefined) return undefined;
    const requestId = request.requestId ?? newId();
    const { name: model, version } = loaded.version;
    const told = () => ({
      id: newId(),
      requestId,
      ordinal: 0,
      endpoint: name,
      variant,
      model,
      version,
      routed: 'split',
      entity: loggedEntity(row),
      latencyMs: monotonicMs() - startMs,
    });
    const failed = (error: unknown): never => {
      const failure = error instanceof MlopsError ? error.code : 'internal';
      log({ ...told(), features: {}, prediction: null, failure });
      throw error;
    };
    const answerFrom = ({ columns, reads }: ModelInputs): Promise<PredictAnswer> =>
      loaded.model.answer(columns, 1, batching).then((answer) => {
        const prediction = predictionOf(answer, 0, loaded.task ?? answer.task);
        const values = featuresOf(loaded.features, columns);
        log({
          ...told(),
          features: values,
          prediction,
          reads: reads[0]!,
        });
        return {
          request_id: requestId,
          predictions: [prediction],
          model: { name: model, version },
          variant,
          features: [values],
        };
      });
    const answered = loaded.use(() => {
      const inputs = modelInputs({
        loaded,
        rows: [row],
        positions: FIRST,
        key: spec.key,
        reader: `endpoint:${spec.name}`,
        features,
        catalog,
      });
      return inputs instanceof Promise ? inputs.then(answerFrom) : answerFrom(inputs);
    });
    return answered.catch(failed);
  };
}

/** Undefined where there are several, or none, or what is no row at all. */
function onlyRow({ entities, inputs }: PredictRequest): RequestRow | undefined {
  if (entities !== undefined && !isRecord(entities)) return undefined;
  if (inputs !== undefined && !isRecord(inputs)) return undefined;
  return entities === undefined && inputs === undefined ? undefined : { entity: entities, inputs };
}

function isRecord(value: unknown): value is Values {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** As a text; undefined where there is none, or none that is one. */
function keyOf({ entity, inputs }: RequestRow, { context }: PredictRequest, name: string): string | undefined {
  const key = entity?.[name] ?? (inputs as Values | undefined)?.[name] ?? context?.[name];
  if (typeof key === 'string' ? key === '' : typeof key !== 'number' || !Number.isFinite(key)) return undefined;
  return keyText(key, name);
}

/** Of the only row. */
function featuresOf(names: readonly string[], columns: readonly unknown[][]): JsonObject {
  const values: Record<string, string | number | boolean> = {};
  for (let at = 0; at < names.length; at += 1) values[names[at]!] = jsonValue(columns[at]![0]);
  return values;
}
