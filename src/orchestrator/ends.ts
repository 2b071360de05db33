/**
 * Ends of attempts, recorded in batches: while one batch is written the next one gathers. Where many tasks of one run succeeded, what comes
 * after them is claimed with their ends, and the next batch is on its way before those begin: the store and this process work at once.
 */
import { MlopsError } from '../lib/error.ts';
import { pause } from '../lib/pause.ts';
import type { AttemptEnd, Lease, RunRules, RunStore, WorkerIdentity } from '../stores/control/runs.ts';

export interface Ends {
  /**
   * Resolves once it is recorded, or once there is nothing to record because the lease was lost: whether there may be something
   * to claim by that.
   */
  record(end: AttemptEnd, held: { readonly isLost: boolean }): Promise<boolean>;
}

/** The worker that the ends of a batch make room at, and what it takes. */
export interface Successor {
  readonly worker: WorkerIdentity;
  readonly slots: number;
  /** Called once, with what it got, or with nothing. */
  take(leases: readonly Lease[]): void;
}

export interface EndsOptions {
  readonly runs: Pick<RunStore, 'end' | 'goOn'>;
  readonly rules: RunRules;
  /** Asked before so many ends of one run are written. Undefined: nothing is taken. */
  readonly successor: (ends: number) => Successor | undefined;
  /** Of one run in one batch that goes on. */
  readonly largestStep: number;
  /** Aborted while the worker stops: then nobody waits long for a store that is away. */
  readonly stopping: AbortSignal;
}

interface Waiting {
  readonly end: AttemptEnd;
  readonly held: { readonly isLost: boolean };
  readonly resolve: (look: boolean) => void;
  readonly reject: (error: unknown) => void;
}

/** What is done once a batch is written. */
type Settle = () => void;

const LARGEST_BATCH = 2_000;
/** Fewer ends of one run are not worth a step of their own. */
const SMALLEST_STEP = 8;
const TRY_AGAIN_MS = 500;
/** An end that the store refuses each time is given up; the lease then expires and the task is recovered. */
const TRIES = 60;
const TRIES_WHILE_STOPPING = 4;

export function createEnds({ runs, rules, successor, largestStep, stopping }: EndsOptions): Ends {
  let gathering: Waiting[] = [];
  let writing = false;
  let steppedLast = false;

  async function write(): Promise<void> {
    writing = true;
    // What ends in the same turn of the event loop comes along.
    await nextTurn();
    let underWay = send();
    while (underWay !== undefined) {
      const settle = await underWay;
      underWay = send();
      // The next batch leaves this process first.
      if (underWay !== undefined) await nextTurn();
      settle();
    }
    writing = false;
  }

  /** Undefined: there is nothing to write. */
  function send(): Promise<Settle> | undefined {
    if (gathering.length === 0) return undefined;
    const stepping = steppedLast && gathering.some(({ end }) => !isPlain(end)) ? undefined : takeStep();
    steppedLast = stepping !== undefined;
    return stepping === undefined ? writeBatch(takeBatch(), 1) : step(stepping);
  }

  function takeBatch(): readonly Waiting[] {
    const batch = gathering.slice(0, LARGEST_BATCH);
    gathering = gathering.slice(LARGEST_BATCH);
    return batch;
  }

  /** Many of one run that have nothing to tell but that they succeeded. */
  function takeStep(): readonly Waiting[] | undefined {
    if (gathering.length < SMALLEST_STEP) return undefined;
    const counts = new Map<string, number>();
    for (const { end } of gathering) if (isPlain(end)) counts.set(end.runId, (counts.get(end.runId) ?? 0) + 1);
    for (const [runId, count] of counts) {
      if (count < SMALLEST_STEP) continue;
      const step: Waiting[] = [];
      const others: Waiting[] = [];
      for (const one of gathering) {
        const isOfIt = step.length < largestStep && one.end.runId === runId && isPlain(one.end);
        (isOfIt ? step : others).push(one);
      }
      gathering = others;
      return step;
    }
    return undefined;
  }

  async function step(batch: readonly Waiting[]): Promise<Settle> {
    const next = successor(batch.length);
    if (next === undefined) return writeBatch(batch, 1);
    const held = batch.filter((waiting) => !waiting.held.isLost);
    try {
      const gone = await runs.goOn(
        held.map(({ end }) => end),
        next,
      );
      if (gone !== undefined)
        return () => {
          for (const { resolve } of batch) resolve(gone.more);
          next.take(gone.leases);
        };
    } catch {
      // Written one way or the other below: what was recorded already is refused there and stands. Leases of which no answer came expire.
    }
    next.take([]);
    return writeBatch(batch, 1);
  }

  async function writeBatch(batch: readonly Waiting[], tries: number): Promise<Settle> {
    for (let attempt = tries; ; attempt += 1) {
      const held = batch.filter((waiting) => !waiting.held.isLost);
      try {
        // A commit whose answer got lost is refused when it is repeated: what it changed stands.
        if (held.length > 0)
          await runs.end(
            held.map(({ end }) => end),
            rules,
          );
        return () => {
          for (const { resolve } of batch) resolve(true);
        };
      } catch (error) {
        if (attempt >= (stopping.aborted ? TRIES_WHILE_STOPPING : TRIES))
          return () => {
            for (const { reject } of batch) reject(error);
          };
        await pause(TRY_AGAIN_MS);
        const away = error instanceof MlopsError && error.retryable;
        if (!away && batch.length > 1) {
          // One of them may be what the store refuses: the others need not fall with it.
          const middle = batch.length >> 1;
          const first = await writeBatch(batch.slice(0, middle), attempt + 1);
          first();
          return writeBatch(batch.slice(middle), attempt + 1);
        }
      }
    }
  }

  return {
    record: (end, held) =>
      new Promise((resolve, reject) => {
        gathering.push({ end, held, resolve, reject });
        if (!writing) void write();
      }),
  };
}

const nextTurn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

function isPlain({ status, ordinal, data, usage, fanOut, exitCode }: AttemptEnd): boolean {
  return (
    status === 'succeeded' &&
    ordinal !== undefined &&
    fanOut === undefined &&
    exitCode === null &&
    usage?.cpuSeconds == null &&
    usage?.peakMemoryBytes == null &&
    Object.keys(data).length === 0
  );
}
