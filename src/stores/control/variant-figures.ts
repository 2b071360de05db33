/**
 * What the log of predictions says of each variant of an endpoint over a time. A row belongs to the time when it was answered; an outcome
 * that comes days later is joined to it. What is not known is null, never 0. One scope.
 */
import type { Moments } from '../../lib/moments.ts';
import type { DriftFigures } from '../drift.ts';
import type { PredictionRole } from './prediction-log.ts';

/** What a row may lose, one figure each: of rows with an outcome that the loss is defined for. */
export const LOSSES = ['correct', 'brier', 'log_loss', 'absolute', 'squared'] as const;

export type Loss = (typeof LOSSES)[number];

export interface VariantFigures {
  /** Of a shadow its name. */
  readonly variant: string;
  readonly role: Exclude<PredictionRole, 'member'>;
  /** Of an ensemble null. */
  readonly model: string | null;
  readonly version: number | null;
  /** Rows, failed ones among them. */
  readonly requests: number;
  readonly failures: number;
  /** Of rows that did not fail; within 1 % of the exact quantile. */
  readonly latencyMs: { readonly p50: number; readonly p95: number; readonly p99: number } | null;
  /** Of the probability, or the value, that was answered; null where no row has one. */
  readonly score: Moments | null;
  /**
   * Of a shadow: its rows beside the answers to the same rows. `disagreed`: another label, or, without labels, a value further off than a
   * millionth of it. The mean and m2 are of the distances of the scores, null where
   * an answer has none.
   */
  readonly disagreement: {
    readonly pairs: number;
    readonly disagreed: number;
    readonly meanAbsolute: number | null;
    readonly m2: number | null;
  } | null;
  /** Of rows whose outcome is known; of a shadow the same outcomes. Null where there is none. */
  readonly labelled:
    | ({
        readonly count: number;
        readonly auc: number | null;
        /** Rows that the area is of, by what they turned out to be. */
        readonly aucRows: { readonly positives: number; readonly negatives: number };
        /** Of outcomes that are numbers; true counts as 1. Null where none is. */
        readonly outcome: Moments | null;
      } & Readonly<Partial<Record<Loss, Moments>>>)
    | null;
  /** Different entities among the rows, a request without one for itself; null where they are too many to count. */
  readonly keys: number | null;
  /** Against the profile of the version; null where it has none. */
  readonly drift: DriftFigures | null;
}

export interface FiguresRequest {
  readonly endpoint: string;
  /** From (inclusive) to (exclusive). */
  readonly since: Date;
  readonly until: Date;
  /** Of answers only those that the split or a rollout routed: a rule, a version that was asked for and a fallback choose who is asked. */
  readonly drawn?: boolean;
}

export interface VariantFiguresStore {
  /** One an answering or shadowing variant and version that has rows in this time; by variant, role and version. Memory stays bounded. */
  figures(request: FiguresRequest, signal?: AbortSignal): Promise<readonly VariantFigures[]>;
}
