/**
 * Which predictions are in the offline store, and in which of its tables. A prediction is in one table or waits: what moves it records the table
 * and ends the waiting in one transaction, so that a table that nobody recorded is garbage. One scope.
 */
import type { LoggedPrediction } from './prediction-log.ts';

export interface PredictionPart {
  readonly location: string;
  readonly rows: number;
  readonly bytes: number;
  /** `2026-01-31`, in UTC. */
  readonly day: string;
}

/** Blocks of one endpoint and day that wait. */
export interface WaitingBlocks {
  readonly endpoint: string;
  readonly day: string;
  readonly ids: readonly string[];
  readonly rows: number;
}

export interface PredictionMoveStore {
  /** Of each endpoint and day that has waited for so long, or has so many rows: the oldest blocks, at most so many rows and a block more. */
  due(limits: { readonly waitedMs: number; readonly rows: number }): Promise<readonly WaitingBlocks[]>;
  /** The rows of some blocks, the oldest first within each; in batches of a block. */
  rows(ids: readonly string[]): AsyncIterable<readonly LoggedPrediction[]>;
  /** All or nothing. False where another has moved one of them: then the table is garbage. */
  moved(blocks: WaitingBlocks, part: Omit<PredictionPart, 'day'>): Promise<boolean>;
  /** Of an endpoint, under every name that it had: its tables, and the blocks that are in none. */
  parts(endpoint: string): Promise<{ readonly parts: readonly PredictionPart[]; readonly waiting: readonly string[] }>;
  /** Deletes blocks of an endpoint that are in the offline store and older. How many rows went. */
  prune(endpoint: string, keepMs: number): Promise<number>;
  /** What the predictions of an endpoint turned out to be, as it was told last, in batches. */
  outcomes(endpoint: string): AsyncIterable<
    readonly {
      readonly requestId: string;
      readonly ordinal: number;
      readonly outcome: unknown;
      readonly at: Date | null;
      readonly recordedAt: Date;
    }[]
  >;
}
