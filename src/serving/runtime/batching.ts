/** What a spec says of batching, in the words of the runtime. */
import { durationMs } from '../../lib/units.ts';
import type { BatchingSpec } from '../../spec/schema-types.ts';
import { type BatchLimits, DEFAULT_LIMITS } from './batcher.ts';

/** Undefined where it says nothing: as the runtime does by itself. */
export function batchingOf(spec: BatchingSpec | undefined): BatchLimits | undefined {
  if (spec === undefined) return undefined;
  const { maxBatch = DEFAULT_LIMITS.maxBatch, maxDelay } = spec;
  return { maxBatch, maxDelayMs: maxDelay === undefined ? DEFAULT_LIMITS.maxDelayMs : durationMs(maxDelay) };
}
