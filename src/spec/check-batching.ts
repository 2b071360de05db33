/** Batching of an endpoint: a request waits for others no longer than a client would take for a failure. */
import { durationMs } from '../lib/units.ts';
import { type Canonicalizing, report } from './lookup.ts';
import type { EndpointSpec } from './schema-types.ts';

const LONGEST_MS = 1000;

export function checkBatching({ batching }: EndpointSpec, into: Canonicalizing): void {
  const { maxDelay } = batching ?? {};
  if (maxDelay === undefined || durationMs(maxDelay) <= LONGEST_MS) return;
  report(into, 'SP103', '/batching/maxDelay', `Requests may wait for others 1s at most, not ${maxDelay}.`, {
    hint: 'a few milliseconds gain nearly all there is to gain',
  });
}
