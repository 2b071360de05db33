/**
 * Makes a plan so: changes in dependency order, several at once, each journalled.
 *
 *   lock → journal opened (refused when the state moved) → per change: intent → effect → outcome → journal closed → unlock
 *
 * An effect starts only after its intent is durable, and nothing that waits for it starts before its outcome is. A kill -9
 * anywhere leaves resources recorded as creating, updating or deleting; the next plan takes them up again, and every
 * effect may run twice.
 */
import { walk } from '../graph/walk.ts';
import { invariant } from '../lib/assert.ts';
import { type Clock, systemClock } from '../lib/clock.ts';
import { MlopsError } from '../lib/error.ts';
import { isNoOp } from '../plan/action.ts';
import type { Change } from '../plan/change.ts';
import { changeGraph } from '../plan/order.ts';
import { findingsOf, type Plan } from '../plan/plan.ts';
import { planDigest } from '../plan/plan-file.ts';
import type { Address } from '../spec/address.ts';
import type { CanonicalEntity } from '../spec/canonical-specs.ts';
import type { ArtifactStore } from '../stores/artifacts.ts';
import type { ApplyJournal, HeldLock, StateStore } from '../stores/control/state.ts';
import type { ResourceEffects } from './effects.ts';
import type { ApplyEvent, ApplyOutcome } from './events.ts';
import { StepError, type StepFailure } from './failure.ts';
import type { HandlerContext } from './handlers/handler.ts';
import { runSteps } from './steps.ts';

export interface ApplyInput {
  readonly plan: Plan;
  /** Files of code bundles: SHA-256 of the content → absolute path. */
  readonly bundleFiles: ReadonlyMap<string, string>;
  readonly state: StateStore;
  readonly effects: ResourceEffects;
  readonly artifacts: ArtifactStore;
  readonly who: string;
  readonly gitCommit: string | null;
  /** Absolute path of the project root. */
  readonly root: string;
  /** Changes at once. Default 10. */
  readonly concurrency?: number;
  /** Aborted: steps in hand are finished and recorded, nothing new starts, the outcome is `interrupted`. */
  readonly signal?: AbortSignal | undefined;
  readonly onEvent?: (event: ApplyEvent) => void;
  readonly clock?: Clock;
}

export interface ApplyResult {
  readonly outcome: ApplyOutcome;
  /** Null where there was nothing to do. */
  readonly applyId: string | null;
  readonly done: readonly Address[];
  readonly failed: readonly StepFailure[];
  /** Not tried, because a change that it waits for failed. */
  readonly skipped: readonly { readonly address: Address; readonly because: Address }[];
  /** Not started, because the apply was interrupted. */
  readonly remaining: readonly Address[];
}

/** AP101 where another holds the lock, AP102 where the state moved, AP105 and its like where the plan has errors. */
export async function applyPlan(input: ApplyInput): Promise<ApplyResult> {
  const { plan, state, signal } = input;
  refuseErrored(plan);
  const moving = plan.changes.filter(({ actions }) => !isNoOp(actions));
  if (moving.length === 0)
    return { outcome: 'succeeded', applyId: null, done: [], failed: [], skipped: [], remaining: [] };
  const lock = await state.lock(input.who, plan.mode);
  return releasing(lock, async () => {
    if (signal?.aborted === true) {
      return {
        outcome: 'interrupted',
        applyId: null,
        done: [],
        failed: [],
        skipped: [],
        remaining: moving.map(({ address }) => address),
      };
    }
    const journal = await state.beginApply({
      who: input.who,
      planDigest: planDigest(plan),
      specDigest: plan.specDigest,
      gitCommit: input.gitCommit,
      lineage: plan.lineage,
      serial: plan.serial,
      root: input.root,
      changes: moving.length,
    });
    return makeChanges(input, moving, lock, journal);
  });
}

/** The error of the body is the one that counts: where the lock cannot be given back either, its lease ends by itself. */
async function releasing<T>(lock: HeldLock, body: () => Promise<T>): Promise<T> {
  let result: T;
  try {
    result = await body();
  } catch (error) {
    await lock.release().catch(() => {});
    throw error;
  }
  await lock.release();
  return result;
}

function refuseErrored(plan: Plan): void {
  const errors = findingsOf(plan).filter(({ severity }) => severity === 'error');
  const first = errors[0];
  if (first === undefined) return;
  throw new MlopsError(first.code, {
    detail: errors.length === 1 ? first.detail : `${first.detail} (and ${errors.length - 1} more)`,
    hint: first.fix ?? undefined,
    address: first.address,
  });
}

/** Entities as the plan leaves them; those that it only removes are not needed by what stays. */
function entityReader(plan: Plan): (name: string) => CanonicalEntity | undefined {
  const entities = new Map<string, CanonicalEntity>();
  for (const { kind, name, after } of plan.changes) {
    // The plan was made from specs that ajv checked, and its digest was verified when it was read from a file.
    if (kind === 'entity' && after !== null) entities.set(name, after as unknown as CanonicalEntity);
  }
  return (name) => entities.get(name);
}

async function makeChanges(
  input: ApplyInput,
  moving: readonly Change[],
  lock: HeldLock,
  journal: ApplyJournal,
): Promise<ApplyResult> {
  const { plan, onEvent = () => {}, clock = systemClock } = input;
  const byAddress = new Map(plan.changes.map((change) => [change.address, change]));
  const moves = new Set(moving.map(({ address }) => address));
  const failed: StepFailure[] = [];
  // A journal that cannot be written ends the apply: without a durable intent nothing may start.
  const broken = new AbortController();
  const stop = AbortSignal.any([broken.signal, lock.lost, ...(input.signal === undefined ? [] : [input.signal])]);
  const onStop = (): void => {
    if (!broken.signal.aborted) onEvent({ type: 'interrupting', cause: lock.lost.aborted ? 'lock_lost' : 'signal' });
  };
  stop.addEventListener('abort', onStop, { once: true });

  onEvent({
    type: 'apply_started',
    applyId: journal.applyId,
    steps: moving.reduce((sum, { actions }) => sum + actions.length, 0),
  });
  const context: HandlerContext = {
    effects: input.effects,
    artifacts: input.artifacts,
    bundleFiles: input.bundleFiles,
    entity: entityReader(plan),
  };
  const visit = async (address: Address): Promise<void> => {
    const change = byAddress.get(address);
    invariant(change !== undefined, `${address} is no change of the plan`);
    if (!moves.has(address)) return;
    try {
      await runSteps(change, { journal, context, onEvent, clock });
    } catch (error) {
      if (error instanceof StepError) failed.push(error.failure);
      else broken.abort(error);
      throw error;
    }
  };
  // What stays as it is takes part in the order: it may stand between two changes.
  const walked = await walk(changeGraph(plan.changes), visit, {
    concurrency: input.concurrency ?? 10,
    signal: stop,
    onSkip: (address, because) => {
      if (moves.has(address)) onEvent({ type: 'step_skipped', address, because });
    },
  });
  stop.removeEventListener('abort', onStop);
  if (broken.signal.aborted) throw broken.signal.reason;

  const done = walked.done.filter((address) => moves.has(address));
  const remaining = walked.remaining.filter((address) => moves.has(address));
  const skipped = [...walked.skipped]
    .filter(([address]) => moves.has(address))
    .map(([address, because]) => ({ address, because }));
  const outcome: ApplyOutcome = remaining.length > 0 ? 'interrupted' : failed.length > 0 ? 'failed' : 'succeeded';
  await journal.end(outcome);
  onEvent({
    type: 'apply_ended',
    outcome,
    done: done.length,
    failed: failed.length,
    skipped: skipped.length,
    remaining: remaining.length,
  });
  return { outcome, applyId: journal.applyId, done, failed, skipped, remaining };
}
