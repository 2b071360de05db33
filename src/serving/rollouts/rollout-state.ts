/**
 * The life of a rollout. Pure: where it stands, what was measured and the time decide; who calls writes it down.
 *
 *     (a new version) → running → promoting → promoted
 *                       running ⇄ paused                    by hand, at the deadline, and where a gate refuses the promotion
 *                       running → held                      after the last step, with `onSuccess: hold`
 *                       running, paused, held → rolled_back a check failed, the version does not load, or most requests fail
 *                       running, paused, held → aborted     by hand
 *                       running, paused, held → promoting   by hand
 *                       running, paused, held, promoting → superseded   the candidate follows another version, or the spec asks for none
 *
 * The share never falls but to 0, and stays there: the candidate is out until another rollout begins.
 */
import { assertNever } from '../../lib/assert.ts';
import { canonicallyEqual } from '../../lib/canonical.ts';
import { durationMs } from '../../lib/units.ts';
import type { RolloutStep } from '../../spec/schema-types.ts';
import type { NewRolloutDecision, RolloutCheck, RolloutPlan, RolloutStanding } from '../../stores/control/rollouts.ts';
import { evaluateChecks } from './checks.ts';
import { type CompiledRollout, minSamplesOf } from './compiled-rollout.ts';
import type { Observation } from './observation.ts';

export interface Decided {
  readonly standing: RolloutStanding;
  /** Null: nothing worth keeping, but for the last measurement. */
  readonly decision: NewRolloutDecision | null;
}

/** Of the last five minutes; fewer requests say nothing. */
const BREAKER_REQUESTS = 20;
/** What these tell is no passing trouble: the artifact is missing or damaged, or it is no model that loads. */
const DOES_NOT_LOAD: ReadonlySet<string | null> = new Set(['MD203', 'MD204']);

export function beginning({ plan }: CompiledRollout, what: string, now: Date): RolloutStanding {
  const share = plan.steps[0]!.share;
  return {
    status: 'running',
    step: 0,
    share,
    stepStartedAt: now,
    pausedAt: null,
    pausedMs: 0,
    measuredAt: null,
    failures: {},
    reason: `${what}; step 1 of ${plan.steps.length}: ${share} % of the keys`,
    plan,
    checks: [],
  };
}

/** `rollout` undefined: the spec asks for none any more. Undefined: there is nothing to decide now. */
export function decide(
  standing: RolloutStanding,
  rollout: CompiledRollout | undefined,
  versionId: string,
  observed: Observation,
  now: Date,
): Decided | undefined {
  const { status } = standing;
  if (status !== 'running' && status !== 'paused' && status !== 'held') return undefined;
  if (rollout === undefined)
    return end(standing, 'superseded', 'the endpoint asks for no rollout of this variant any more');
  if (observed.follows !== versionId) {
    const why =
      observed.follows === null ? 'the candidate follows no version any more' : 'the candidate follows another version';
    return end(standing, 'superseded', why);
  }
  if (observed.baseline === versionId)
    return end(standing, 'superseded', 'the baseline answers with the version already');
  const broken = breakage(rollout, observed);
  if (broken !== undefined) return end(standing, 'rolled_back', broken);
  if (status !== 'running') return undefined;
  if (!canonicallyEqual(standing.plan, rollout.plan)) return adapted(standing, rollout.plan, now);
  if (standing.measuredAt !== null && now.getTime() - standing.measuredAt.getTime() < rollout.intervalMs)
    return undefined;
  return measured(standing, rollout, observed, now);
}

/** Whether it breaks so that no step is waited for. */
function breakage({ breaker }: CompiledRollout, { loadFailure, recent }: Observation): string | undefined {
  if (loadFailure !== null && DOES_NOT_LOAD.has(loadFailure.code))
    return `the version does not load: ${loadFailure.detail}`;
  const failing = failureShare(recent.candidate);
  if (failing === null || failing < breaker) return undefined;
  // Where the baseline fails as well, something else is broken.
  const others = failureShare(recent.baseline);
  if (others !== null && others > failing / 2) return undefined;
  return `${Math.round(failing * 100)} % of its requests of the last minutes failed`;
}

function failureShare(figures: { readonly requests: number; readonly failures: number } | null): number | null {
  return figures === null || figures.requests < BREAKER_REQUESTS ? null : figures.failures / figures.requests;
}

function measured(standing: RolloutStanding, rollout: CompiledRollout, observed: Observation, now: Date): Decided {
  const step = standing.plan.steps[standing.step]!;
  const checks = evaluateChecks(standing.plan.analysis, { step, index: standing.step }, observed);
  const failed = checks.filter(({ verdict }) => verdict === 'failed');
  const failures = { ...standing.failures };
  for (const { check } of failed) failures[check] = (failures[check] ?? 0) + 1;
  const next: RolloutStanding = { ...standing, measuredAt: now, failures, checks };

  const over = failed.find(({ check, metric }) => (failures[check] ?? 0) > limitOf(standing.plan, check, metric));
  if (over !== undefined) return end(next, 'rolled_back', over.detail);
  if (failed.length > 0) return stayed(next, `tolerated: ${failed.map(({ detail }) => detail).join('; ')}`, standing);
  const waits = waitsFor(step, checks, observed, standing, now);
  if (waits === undefined) return advanced(next, rollout, now);
  if (rollout.deadlineMs !== undefined && elapsedMs(standing, now) > rollout.deadlineMs) {
    const reason = `the step has not ended within its deadline: ${waits}`;
    return told({ ...next, status: 'paused', pausedAt: now, reason }, 'paused');
  }
  return stayed(next, waits, standing);
}

function limitOf({ analysis }: RolloutPlan, check: string, metric: string): number {
  const rule = check.split(' ')[1] as 'max' | 'min' | 'atLeast';
  return analysis.find((one) => one.metric === metric && one[rule] !== undefined)?.failureLimit ?? 0;
}

/** Undefined: for nothing. */
function waitsFor(
  step: RolloutStep,
  checks: readonly RolloutCheck[],
  { step: { candidate, shadow } }: Observation,
  standing: RolloutStanding,
  now: Date,
): string | undefined {
  const wanted = minSamplesOf(step);
  const rows = (step.share === 0 ? shadow : candidate)?.requests ?? 0;
  if (rows < wanted) return `${rows} of ${wanted} rows are there`;
  const unknown = checks.find(({ verdict }) => verdict === 'waiting');
  if (unknown !== undefined) return unknown.detail;
  if (step.for !== undefined && elapsedMs(standing, now) < durationMs(step.for)) return `the step lasts ${step.for}`;
  return undefined;
}

/** Of the step, without the time that it was paused. */
function elapsedMs({ stepStartedAt, pausedMs }: RolloutStanding, now: Date): number {
  return now.getTime() - stepStartedAt.getTime() - pausedMs;
}

function advanced(standing: RolloutStanding, { onSuccess }: CompiledRollout, now: Date): Decided {
  const { steps } = standing.plan;
  const step = standing.step + 1;
  if (step < steps.length) {
    const share = Math.max(standing.share, steps[step]!.share);
    const reason = `step ${step} passed; step ${step + 1} of ${steps.length}: ${share} % of the keys`;
    return told(
      { ...standing, step, share, stepStartedAt: now, pausedMs: 0, measuredAt: null, failures: {}, reason },
      'advanced',
    );
  }
  if (onSuccess === 'promote')
    return told({ ...standing, status: 'promoting', reason: 'every step passed' }, 'promoting');
  const reason = 'every step passed; it is held at its last share until somebody promotes it';
  return told({ ...standing, status: 'held', stepStartedAt: now, reason }, 'held');
}

/** A plan that was edited under way: it goes on with the first step that gives no less than it has; nobody who has it loses it. */
function adapted(standing: RolloutStanding, plan: RolloutPlan, now: Date): Decided {
  const at = plan.steps.findIndex(({ share }) => share >= standing.share);
  const step = at === -1 ? plan.steps.length - 1 : at;
  const share = Math.max(standing.share, plan.steps[step]!.share);
  const same = canonicallyEqual(plan.steps[step], standing.plan.steps[standing.step]);
  const reason = `its plan was edited; step ${step + 1} of ${plan.steps.length}: ${share} % of the keys`;
  return told(
    {
      ...standing,
      plan,
      step,
      share,
      ...(same ? {} : { stepStartedAt: now, pausedMs: 0 }),
      measuredAt: null,
      failures: {},
      reason,
    },
    'adapted',
  );
}

/** What people wait for changes by numbers all the time: a decision is kept where it is another thing. */
function stayed(next: RolloutStanding, reason: string, before: RolloutStanding): Decided {
  const kindOf = (text: string): string => text.replaceAll(/[\d.]+/g, '#');
  const standing = { ...next, reason };
  return kindOf(reason) === kindOf(before.reason) ? { standing, decision: null } : told(standing, 'stayed');
}

function end(standing: RolloutStanding, status: 'rolled_back' | 'aborted' | 'superseded', reason: string): Decided {
  return told({ ...standing, status, share: 0, pausedAt: null, reason }, status);
}

function told(standing: RolloutStanding, kind: NewRolloutDecision['kind']): Decided {
  return { standing, decision: { kind, reason: standing.reason, checks: standing.checks } };
}

/** What became of the promotion that was decided. */
export type PromotionOutcome =
  | { readonly outcome: 'promoted'; readonly detail: string }
  | { readonly outcome: 'refused'; readonly detail: string }
  | { readonly outcome: 'gone'; readonly detail: string };

export function settled(standing: RolloutStanding, { outcome, detail }: PromotionOutcome, now: Date): Decided {
  switch (outcome) {
    case 'promoted':
      return told({ ...standing, status: 'promoted', reason: detail }, 'promoted');
    case 'refused':
      return told({ ...standing, status: 'paused', pausedAt: now, reason: detail }, 'refused');
    case 'gone':
      return end(standing, 'superseded', detail);
    default:
      return assertNever(outcome);
  }
}

export type RolloutCommand = 'pause' | 'resume' | 'abort' | 'promote';

/** By hand. A text says why it cannot be. */
export function commanded(
  standing: RolloutStanding,
  command: RolloutCommand,
  reason: string | null,
  now: Date,
): Decided | string {
  const { status } = standing;
  const because = (text: string): string => (reason === null ? text : `${text}: ${reason}`);
  const live = status === 'running' || status === 'paused' || status === 'held';
  switch (command) {
    case 'pause':
      if (status !== 'running') return `it is ${words(status)}; only a running one can be paused`;
      return told({ ...standing, status: 'paused', pausedAt: now, reason: because('paused by hand') }, 'paused');
    case 'resume': {
      if (status !== 'paused') return `it is ${words(status)}; only a paused one can be resumed`;
      const pausedMs =
        standing.pausedMs + (standing.pausedAt === null ? 0 : now.getTime() - standing.pausedAt.getTime());
      const resumed = { status: 'running', pausedAt: null, pausedMs, measuredAt: null, failures: {} } as const;
      return told({ ...standing, ...resumed, reason: because('resumed by hand') }, 'resumed');
    }
    case 'abort':
      if (!live) return `it is ${words(status)}; there is nothing to abort`;
      return end(standing, 'aborted', because('aborted by hand'));
    case 'promote':
      if (!live) return `it is ${words(status)}; there is nothing to promote`;
      return told(
        { ...standing, status: 'promoting', pausedAt: null, reason: because('promoted by hand') },
        'promoting',
      );
    default:
      return assertNever(command);
  }
}

const words = (status: string): string => status.replace('_', ' ');
