/**
 * Copies of requests for models that nobody is answered by yet. They run beside: an answer is out before its copies begin, few run at a
 * time, and what does not fit into a short queue is dropped and counted. What goes wrong with a copy is in the log and nowhere else.
 */
import { MlopsError } from '../lib/error.ts';
import type { NewPrediction } from '../stores/control/prediction-log.ts';
import { type AnswerParts, answerRows } from './answer-rows.ts';
import { BUCKETS, bucketOf } from './bucket.ts';
import type { CompiledEndpoint, CompiledShadow } from './compiled-endpoint.ts';
import { ownInputs } from './ensemble.ts';
import { loggedEntity } from './logged-values.ts';
import type { ModelSlots } from './model-slots.ts';
import type { RequestRow } from './predict-request.ts';
import type { Prediction } from './prediction.ts';

/** Requests that wait, and that run, for one shadow. */
const MOST_WAITING = 256;
const AT_ONCE = 2;

export interface ShadowCounts {
  answered: number;
  failed: number;
  /** For want of room, or because no version was loaded. */
  dropped: number;
}

/** A request that was answered. */
export interface AnsweredRequest {
  /** As it was asked for. */
  readonly name: string;
  readonly requestId: string;
  readonly rows: readonly RequestRow[];
  readonly keys: readonly string[];
  readonly predictions: readonly Prediction[];
}

export interface Shadows {
  copy(endpoint: CompiledEndpoint, request: AnsweredRequest): void;
  /** Since this process began, in rows. */
  counts(endpoint: string, shadow: string): ShadowCounts;
  /** Once those that run have ended; what waits is dropped. */
  close(): Promise<void>;
}

export interface ShadowParts extends AnswerParts {
  readonly slots: ModelSlots;
  readonly log: (entry: Omit<NewPrediction, 'ageMs'>) => void;
  readonly newId: () => string;
}

interface Lane {
  readonly counts: ShadowCounts;
  readonly waiting: (() => Promise<void>)[];
  running: number;
}

/** The same keys always, and others than those of a variant of that share. */
export function isShadowed(
  endpoint: string,
  { name, share }: Pick<CompiledShadow, 'name' | 'share'>,
  key: string,
): boolean {
  return bucketOf(`${endpoint}/${name}`, key) < Math.round((share * BUCKETS) / 100);
}

export function createShadows(parts: ShadowParts): Shadows {
  const { slots, log, newId, monotonicMs } = parts;
  const lanes = new Map<string, Lane>();
  let closed = false;
  let idle: (() => void) | undefined;
  const laneOf = (endpoint: string, shadow: string): Lane => {
    const id = `${endpoint}/${shadow}`;
    const known = lanes.get(id);
    if (known !== undefined) return known;
    const made: Lane = { counts: { answered: 0, failed: 0, dropped: 0 }, waiting: [], running: 0 };
    lanes.set(id, made);
    return made;
  };

  const next = (lane: Lane): void => {
    while (lane.running < AT_ONCE && lane.waiting.length > 0) {
      lane.running += 1;
      void lane.waiting.shift()!().finally(() => {
        lane.running -= 1;
        next(lane);
        if (closed && [...lanes.values()].every(({ running }) => running === 0)) idle?.();
      });
    }
  };

  const run = async (
    endpoint: CompiledEndpoint,
    shadow: CompiledShadow,
    lane: Lane,
    { name, requestId, rows, predictions }: AnsweredRequest,
    positions: readonly number[],
  ): Promise<void> => {
    const loaded = slots.current(shadow.target);
    if (loaded === undefined) {
      lane.counts.dropped += positions.length;
      return;
    }
    const startMs = monotonicMs();
    const entry = (position: number) => ({
      id: newId(),
      requestId,
      ordinal: position,
      endpoint: name,
      variant: shadow.name,
      role: 'shadow' as const,
      model: loaded.version.name,
      version: loaded.version.version,
      entity: loggedEntity(rows[position]!),
      against: predictions[position]!,
    });
    try {
      // Inputs were given for who answered: the shadow takes those that it knows.
      const own = ownInputs(rows, loaded, [loaded], endpoint.spec.key, { lenient: true });
      const said = await answerRows(endpoint, loaded, positions, own, parts);
      const latencyMs = monotonicMs() - startMs;
      for (const [at, position] of positions.entries()) log({ ...entry(position), ...said[at]!, latencyMs });
      lane.counts.answered += positions.length;
    } catch (error) {
      const failure = error instanceof MlopsError ? error.code : 'internal';
      const latencyMs = monotonicMs() - startMs;
      for (const position of positions) log({ ...entry(position), features: {}, prediction: null, failure, latencyMs });
      lane.counts.failed += positions.length;
    }
  };

  return {
    copy: (endpoint, request) => {
      for (const shadow of endpoint.shadows) {
        const positions = request.keys.flatMap((key, position) =>
          isShadowed(endpoint.spec.name, shadow, key) ? [position] : [],
        );
        if (positions.length === 0) continue;
        const lane = laneOf(endpoint.spec.name, shadow.name);
        if (closed || lane.waiting.length >= MOST_WAITING) {
          lane.counts.dropped += positions.length;
          continue;
        }
        lane.waiting.push(() => run(endpoint, shadow, lane, request, positions));
        // The answer goes out first.
        setImmediate(next, lane);
      }
    },
    counts: (endpoint, shadow) => laneOf(endpoint, shadow).counts,
    close: async () => {
      closed = true;
      for (const lane of lanes.values()) lane.counts.dropped += lane.waiting.splice(0).length;
      if ([...lanes.values()].every(({ running }) => running === 0)) return;
      await new Promise<void>((resolve) => {
        idle = resolve;
      });
    },
  };
}
