/** What the training worker and whoever started it say to each other. */
import type { JsonObject } from '../lib/json.ts';
import type { FitResult } from './fit.ts';

/** An error with its fields: classes do not survive the way between threads. */
export interface WorkerFailure {
  readonly code: string | undefined;
  readonly detail: string;
  readonly hint: string | undefined;
  readonly status: number | undefined;
  readonly data: JsonObject | undefined;
}

export type FromWorker =
  | { readonly type: 'progress'; readonly line: string }
  | { readonly type: 'done'; readonly result: FitResult }
  | { readonly type: 'failed'; readonly failure: WorkerFailure };
