/** Rows of a log become the figures of one variant, one at a time and in bounded memory. Pure. */

import { isJsonObject, type JsonValue } from '../../../lib/json.ts';
import { createMoments, type MomentsSum } from '../../../lib/moments.ts';
import { createQuantileSketch } from '../../../lib/quantile-sketch.ts';
import { LOSSES, type Loss, type VariantFigures } from '../../control/variant-figures.ts';
import { areaUnderCurve } from './area-under-curve.ts';
import type { BlockRow } from './block-bytes.ts';

export interface VariantFold {
  /** `outcome`: undefined where it is not known. */
  add(row: BlockRow, outcome: JsonValue | undefined): void;
  get(): Pick<VariantFigures, 'requests' | 'failures' | 'latencyMs' | 'score' | 'disagreement' | 'labelled' | 'keys'>;
}

/** Rows with a probability and an outcome that the area under the curve is of; further ones count in every other figure. */
const MOST_FOR_AUC = 1_000_000;
/** Further ones are not counted: memory stays bounded. */
const MOST_KEYS = 200_000;
/** A probability of 0 that came true is no infinite loss. */
const LEAST_PROBABILITY = 1e-15;
const SAME_WITHIN = 1e-6;

export function createVariantFold(): VariantFold {
  let requests = 0;
  let failures = 0;
  let labelled = 0;
  let disagreed = 0;
  const latency = createQuantileSketch();
  const score = createMoments();
  const distance = createMoments();
  let pairs = 0;
  const losses = new Map<Loss, MomentsSum>(LOSSES.map((loss) => [loss, createMoments()]));
  const scores: number[] = [];
  const labels: number[] = [];
  const outcomes = createMoments();
  const keys = new Set<string>();

  const label = (prediction: JsonValue, outcome: JsonValue): void => {
    labelled += 1;
    const told = typeof outcome === 'boolean' ? Number(outcome) : outcome;
    if (typeof told === 'number') outcomes.add(told);
    for (const [loss, value] of lossesOf(prediction, outcome)) losses.get(loss)!.add(value);
    const probability = numberAt(prediction, 'probability');
    const truth = binary(outcome);
    if (probability === undefined || truth === undefined || scores.length >= MOST_FOR_AUC) return;
    scores.push(probability);
    labels.push(truth);
  };

  return {
    add: ({ prediction, failure, latencyMs, against, entity, requestId, ordinal }, outcome) => {
      requests += 1;
      if (keys.size <= MOST_KEYS) keys.add(entity === null ? `${ordinal} ${requestId}` : JSON.stringify(entity));
      if (failure !== undefined) {
        failures += 1;
        return;
      }
      latency.add(latencyMs);
      const its = scoreOf(prediction);
      if (its !== undefined) score.add(its);
      if (against !== undefined && against !== null) {
        pairs += 1;
        if (differ(prediction, against)) disagreed += 1;
        const other = scoreOf(against);
        if (its !== undefined && other !== undefined) distance.add(Math.abs(its - other));
      }
      if (outcome !== undefined) label(prediction, outcome);
    },
    get: () => {
      const far = distance.get();
      return {
        requests,
        failures,
        latencyMs:
          latency.count === 0
            ? null
            : { p50: latency.quantile(0.5)!, p95: latency.quantile(0.95)!, p99: latency.quantile(0.99)! },
        score: score.get(),
        disagreement: pairs === 0 ? null : { pairs, disagreed, meanAbsolute: far?.mean ?? null, m2: far?.m2 ?? null },
        labelled:
          labelled === 0
            ? null
            : {
                count: labelled,
                auc: areaUnderCurve(scores, labels),
                aucRows: { positives: sum(labels), negatives: labels.length - sum(labels) },
                outcome: outcomes.get(),
                ...Object.fromEntries(
                  [...losses].flatMap(([loss, all]) => {
                    const moments = all.get();
                    return moments === null ? [] : [[loss, moments]];
                  }),
                ),
              },
        keys: keys.size > MOST_KEYS ? null : keys.size,
      };
    },
  };
}

const sum = (values: readonly number[]): number => values.reduce((total, value) => total + value, 0);

/** The probability of 1, or the value; undefined where an answer is neither. */
export function scoreOf(prediction: JsonValue): number | undefined {
  return numberAt(prediction, 'probability') ?? numberAt(prediction, 'value');
}

/**
 * Of a probability p and an outcome y of 0 or 1: correct, Brier's (p − y)² (G. W. Brier, 1950) and −ln of the probability that was given to
 * what happened. Of a value: |v − y| and (v − y)². Of any label: whether it is the outcome.
 */
export function lossesOf(prediction: JsonValue, outcome: JsonValue): readonly (readonly [Loss, number])[] {
  const found: (readonly [Loss, number])[] = [];
  const label = isJsonObject(prediction) ? prediction['label'] : undefined;
  if (label !== undefined) found.push(['correct', isSameLabel(label, outcome) ? 1 : 0]);
  const probability = numberAt(prediction, 'probability');
  const truth = binary(outcome);
  if (probability !== undefined && truth !== undefined) {
    const given = truth === 1 ? probability : 1 - probability;
    found.push(['brier', (probability - truth) ** 2], ['log_loss', -Math.log(Math.max(given, LEAST_PROBABILITY))]);
  }
  const value = numberAt(prediction, 'value');
  if (value !== undefined && typeof outcome === 'number')
    found.push(['absolute', Math.abs(value - outcome)], ['squared', (value - outcome) ** 2]);
  return found;
}

function differ(prediction: JsonValue, against: JsonValue): boolean {
  const [a, b] = [prediction, against].map((one) => (isJsonObject(one) ? one['label'] : undefined));
  if (a !== undefined && b !== undefined) return !isSameLabel(a, b);
  const [own, other] = [scoreOf(prediction), scoreOf(against)];
  if (own === undefined || other === undefined) return JSON.stringify(prediction) !== JSON.stringify(against);
  return Math.abs(own - other) > SAME_WITHIN * Math.max(Math.abs(own), Math.abs(other));
}

/** A label of 1 is true, whatever the type that it was told in. */
function isSameLabel(label: JsonValue, outcome: JsonValue): boolean {
  return plain(label) === plain(outcome);
}

function plain(label: JsonValue): string {
  return typeof label === 'boolean' ? (label ? '1' : '0') : String(label);
}

function binary(outcome: JsonValue): 0 | 1 | undefined {
  if (outcome === 0 || outcome === false) return 0;
  return outcome === 1 || outcome === true ? 1 : undefined;
}

function numberAt(prediction: JsonValue, name: string): number | undefined {
  const value = isJsonObject(prediction) ? prediction[name] : undefined;
  return typeof value === 'number' && Number.isFinite(value) ? value : undefined;
}
