/** Batching of endpoints and environments: a request waits for others no longer than a client would take for a failure. */
import type { Diagnostic } from '../lib/diagnostics.ts';
import { durationMs } from '../lib/units.ts';
import { type Locator, pointerTo } from './locator.ts';
import { type Canonicalizing, report } from './lookup.ts';
import { toDiagnostic } from './problem.ts';
import type { BatchingSpec, EndpointSpec, ProjectSpec } from './schema-types.ts';

const LONGEST_MS = 1000;
const HINT = 'a few milliseconds gain nearly all there is to gain';

const tooLong = (batching: BatchingSpec | undefined): string | undefined => {
  const { maxDelay } = batching ?? {};
  return maxDelay === undefined || durationMs(maxDelay) <= LONGEST_MS
    ? undefined
    : `Requests may wait for others 1s at most, not ${maxDelay}.`;
};

export function checkBatching({ batching }: EndpointSpec, into: Canonicalizing): void {
  const detail = tooLong(batching);
  if (detail !== undefined) report(into, 'SP103', '/batching/maxDelay', detail, { hint: HINT });
}

export function environmentBatchingProblems(
  environments: NonNullable<ProjectSpec['environments']>,
  locator: Locator,
): readonly Diagnostic[] {
  return Object.entries(environments).flatMap(([name, { serving }]) => {
    const detail = tooLong(serving?.batching);
    if (detail === undefined) return [];
    const pointer = `${pointerTo('/environments', name)}/serving/batching/maxDelay`;
    return [toDiagnostic({ code: 'SP103', pointer, detail, hint: HINT }, { locator })];
  });
}
