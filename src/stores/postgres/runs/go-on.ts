/**
 * What the ends of many tasks of a large run bring with them, in one call: they are recorded, those after them are counted down, and
 * what is ready by that is claimed by the worker that ended them. The schema's `go_on` does it; see the migration for when it declines.
 */
import type { AttemptEnd, GoneOn, Lease, WorkerIdentity } from '../../control/runs.ts';
import type { Queryable } from '../database.ts';

interface Answer {
  /** Places, from 1, of the ends whose lease was still held; null: all. */
  readonly held: readonly number[] | null;
  readonly pipeline: string;
  readonly ordinals: readonly number[];
  readonly names: readonly string[];
  readonly attempts: readonly number[];
  readonly deadlines: readonly (number | null)[];
  readonly more: boolean;
}

const GO_ON = 'select mlops.go_on($1, $2, $3, $4, $5, $6, $7, $8, $9, $10) as answer';

/** Undefined, and nothing changed: more has to be decided than that. */
export async function goOn(
  db: Queryable,
  scopeId: number,
  leaseSeconds: number,
  ends: readonly AttemptEnd[],
  { worker, slots }: { readonly worker: WorkerIdentity; readonly slots: number },
): Promise<GoneOn | undefined> {
  const [first] = ends;
  if (first === undefined) return undefined;
  const { runId } = first;
  const outputs = ends.some((end) => !isEmpty(end.outputs));
  const [row] = await db.query<{ answer: Answer | null }>(GO_ON, [
    scopeId,
    runId,
    `{${ends.map((end) => end.ordinal).join(',')}}`,
    `{${ends.map((end) => end.attempt).join(',')}}`,
    outputs ? ends.map((end) => JSON.stringify(end.outputs ?? {})) : null,
    `{${ends.map((end) => microseconds(end.usage?.wallSeconds)).join(',')}}`,
    worker.workerId,
    worker.node,
    leaseSeconds,
    slots,
  ]);
  const answer = row?.answer;
  if (answer == null) return undefined;
  return { held: heldOf(ends, answer.held), leases: leasesOf(runId, answer), more: answer.more };
}

function isEmpty(outputs: AttemptEnd['outputs']): boolean {
  for (const _ in outputs) return false;
  return true;
}

/** Whole microseconds are written in fewer digits. */
function microseconds(seconds: number | undefined): number | 'null' {
  return seconds === undefined ? 'null' : Math.round(seconds * 1e6) / 1e6;
}

function heldOf(ends: readonly AttemptEnd[], places: readonly number[] | null): readonly boolean[] {
  if (places === null) return ends.map(() => true);
  const held = new Set(places);
  return ends.map((_, place) => held.has(place + 1));
}

function leasesOf(runId: string, { pipeline, ordinals, names, attempts, deadlines }: Answer): readonly Lease[] {
  return ordinals.map((ordinal, place) => ({
    runId,
    task: names[place] ?? '',
    attempt: attempts[place] ?? 0,
    pipeline,
    failures: 0,
    recoveries: 0,
    deadlineInMs: deadlines[place] ?? null,
    gpus: NO_DEVICES,
    waitedSeconds: 0,
    item: undefined,
    ordinal,
  }));
}

const NO_DEVICES: readonly number[] = [];
