/**
 * Makes a plan so: changes in dependency order, several at once, each journalled.
 *
 *   lock → journal opened (refused when the state moved) → renames, all in one transaction
 *        → per change: intent → effect → outcome → journal closed → unlock
 *
 * An effect starts only after its intent is durable, and nothing that waits for it starts before its outcome is. A kill -9
 * anywhere leaves resources recorded as creating, updating or deleting; the next plan takes them up again, and every
 * effect may run twice.
 */
import { walk } from '../graph/walk.ts';
import { invariant } from '../lib/assert.ts';
import { type Clock, systemClock } from '../lib/clock.ts';
import { MlopsError } from '../lib/error.ts';
import { redactor } from '../lib/redact.ts';
import { isNoOp } from '../plan/action.ts';
import type { Change } from '../plan/change.ts';
import { changeGraph } from '../plan/order.ts';
import { findingsOf, type Plan } from '../plan/plan.ts';
import { planDigest } from '../plan/plan-file.ts';
import { isDenial } from '../plan/policies.ts';
import { renamesOf } from '../plan/renames.ts';
import type { Address } from '../spec/address.ts';
import type { BundleSource } from '../spec/bundle-source.ts';
import type { CanonicalEntity } from '../spec/canonical-specs.ts';
import type { ArtifactStore } from '../stores/artifacts.ts';
import type { ApplyJournal, HeldLock, Rename, StateStore } from '../stores/control/state.ts';
import type { ResourceEffects } from './effects.ts';
import type { ApplyEvent, ApplyOutcome } from './events.ts';
import { StepError, type StepFailure } from './failure.ts';
import type { HandlerContext } from './handlers/handler.ts';
import { createPace } from './pace.ts';
import { runSteps, stepsOf } from './steps.ts';

export const DEFAULT_PARALLELISM = 10;

export interface ApplyInput {
  readonly plan: Plan;
  /** Files of code bundles: SHA-256 of the content → absolute path. */
  readonly bundleFiles: ReadonlyMap<string, BundleSource>;
  readonly state: StateStore;
  readonly effects: ResourceEffects;
  readonly artifacts: ArtifactStore;
  readonly who: string;
  readonly gitCommit: string | null;
  /** Absolute path of the project root. */
  readonly root: string;
  /** Values that must not get into the record of a failure. */
  readonly secrets?: readonly string[];
  /** Held by the caller, who gives it back. Default: taken for this apply. */
  readonly lock?: HeldLock | undefined;
  /** Changes at once. Default 10. */
  readonly concurrency?: number | undefined;
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

/**
 * AP101 where another holds the lock or it was lost, AP102 where the state moved, AP105 and its like where the plan has
 * errors, AP118 and ST101 where the journal could not be written. All but AP102 and AP105 leave what the next apply takes up.
 */
export async function applyPlan(input: ApplyInput): Promise<ApplyResult> {
  const { plan, state, onEvent = () => {} } = input;
  refuseErrored(plan);
  refuseDenied(plan);
  const moving = plan.changes.filter(({ actions }) => !isNoOp(actions));
  if (moving.length === 0)
    return { outcome: 'succeeded', applyId: null, done: [], failed: [], skipped: [], remaining: [] };
  if (input.lock !== undefined) return withLock(input, moving, input.lock);
  const lock = await state.lock(input.who, plan.mode);
  try {
    return await withLock(input, moving, lock);
  } finally {
    if (!(await lock.release())) onEvent({ type: 'lock_left', lockId: lock.id });
  }
}

async function withLock(input: ApplyInput, moving: readonly Change[], lock: HeldLock): Promise<ApplyResult> {
  const { plan, state, signal } = input;
  if (signal?.aborted === true) {
    const remaining = moving.map(({ address }) => address);
    return { outcome: 'interrupted', applyId: null, done: [], failed: [], skipped: [], remaining };
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
    operation: plan.mode,
  });
  await rename(journal, renamesOf(moving));
  return makeChanges(input, moving, lock, journal);
}

/** Before everything else: what follows names things as they are called then. */
async function rename(journal: ApplyJournal, renames: readonly Rename[]): Promise<void> {
  if (renames.length === 0) return;
  try {
    await journal.rename(renames);
  } catch (error) {
    await journal.end('failed').catch(() => {});
    throw error;
  }
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

function refuseDenied(plan: Plan): void {
  // A plan that was saved before there were policies has none.
  const first = (plan.policies ?? []).find(isDenial);
  if (first === undefined) return;
  throw new MlopsError(first.outcome === 'errored' ? 'AP112' : 'AP111', {
    detail: `${first.address} denies this plan: ${first.message}`,
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
  const skipped: { readonly address: Address; readonly because: Address }[] = [];
  // A journal that cannot be written or a lock that is lost ends the apply: without a durable intent nothing may start.
  const broken = new AbortController();
  const stop = AbortSignal.any([broken.signal, lock.lost, ...(input.signal === undefined ? [] : [input.signal])]);
  const onStop = (): void => {
    const signalled = input.signal?.aborted === true;
    onEvent({
      type: 'interrupting',
      cause: lock.lost.aborted || !isHeld(lock) ? 'lock_lost' : signalled ? 'signal' : 'journal',
    });
  };
  stop.addEventListener('abort', onStop, { once: true });

  const steps = moving.reduce((sum, change) => sum + stepsOf(change).length, 0);
  const pace = createPace(steps, clock.now().getTime());
  onEvent({ type: 'apply_started', applyId: journal.applyId, steps });
  const redact = redactor(input.secrets ?? []);
  const context: HandlerContext = {
    applyId: journal.applyId,
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
      await runSteps(change, { lock, journal, context, onEvent, pace, clock, redact });
    } catch (error) {
      if (error instanceof StepError) failed.push(error.failure);
      else broken.abort(error);
      throw error;
    }
  };
  // What stays as it is takes part in the order: it may stand between two changes.
  const walked = await walk(changeGraph(plan.changes), visit, {
    concurrency: input.concurrency ?? DEFAULT_PARALLELISM,
    signal: stop,
    onSkip: (address, because) => {
      const change = byAddress.get(address);
      // What a broken journal stops is not skipped: it is left for the next apply.
      if (change === undefined || !moves.has(address) || broken.signal.aborted) return;
      skipped.push({ address, because });
      pace.dropped(stepsOf(change).length);
      onEvent({ type: 'step_skipped', address, because, ...pace.at(clock.now().getTime()) });
    },
  });
  stop.removeEventListener('abort', onStop);

  const done = walked.done.filter((address) => moves.has(address));
  const told = new Set([...done, ...[...failed, ...skipped].map(({ address }) => address)]);
  const remaining = moving.map(({ address }) => address).filter((address) => !told.has(address));
  const outcome: ApplyOutcome =
    broken.signal.aborted || (remaining.length === 0 && failed.length > 0)
      ? 'failed'
      : remaining.length > 0
        ? 'interrupted'
        : 'succeeded';
  const ending = journal.end(outcome);
  // Where the journal is broken or another's, the error that says so is the one that counts.
  await (broken.signal.aborted || !isHeld(lock) ? ending.catch(() => {}) : ending);
  onEvent({
    type: 'apply_ended',
    outcome,
    done: done.length,
    failed: failed.length,
    skipped: skipped.length,
    remaining: remaining.length,
  });
  if (broken.signal.aborted) throw broken.signal.reason;
  if (remaining.length > 0) lock.assertHeld();
  return { outcome, applyId: journal.applyId, done, failed, skipped, remaining };
}

function isHeld(lock: HeldLock): boolean {
  try {
    lock.assertHeld();
    return true;
  } catch {
    return false;
  }
}
