import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { compileRollout } from '../../../src/serving/rollouts/compiled-rollout.ts';
import { NOTHING, type Observation } from '../../../src/serving/rollouts/observation.ts';
import { beginning, commanded, type Decided, decide, settled } from '../../../src/serving/rollouts/rollout-state.ts';
import type { Rollout } from '../../../src/spec/schema-types.ts';
import type { RolloutStanding } from '../../../src/stores/control/rollouts.ts';
import { observing, windowWith } from './figures.ts';

const SPEC: Rollout = {
  candidate: 'treatment',
  baseline: 'control',
  steps: [
    { share: 5, minSamples: 200, for: '1h' },
    { share: 50, minSamples: 200 },
  ],
  analysis: [{ metric: 'errors', max: 0.05 }],
  interval: '30s',
};
const T0 = Date.parse('2026-01-31T00:00:00Z');
const at = (minutes: number): Date => new Date(T0 + minutes * 60_000);
const start = (spec: Rollout = SPEC): RolloutStanding => beginning(compileRollout(spec), 'version 2 came', at(0));
const step = (standing: RolloutStanding, observed: Observation, minutes: number, spec: Rollout | null = SPEC) =>
  decide(standing, spec === null ? undefined : compileRollout(spec), 'v2', observed, at(minutes));
const good = observing(windowWith({ requests: 400, failures: 4 }, { requests: 4_000, failures: 40 }));
const outcome = (decided: Decided | undefined): string =>
  decided === undefined
    ? 'nothing'
    : `${decided.decision?.kind ?? 'no decision'}: ${decided.standing.status}, step ${decided.standing.step}, ${decided.standing.share} %`;

describe('a rollout', () => {
  it('begins at its first step', () => {
    expect(start()).toMatchObject({ status: 'running', step: 0, share: 5, failures: {}, checks: [] });
  });

  it.each<[string, Observation, number, string]>([
    ['waits for the time of the step', good, 30, 'stayed: running, step 0, 5 %'],
    ['goes on once it has its samples and its time', good, 60, 'advanced: running, step 1, 50 %'],
    ['waits without data', observing(NOTHING), 6_000, 'stayed: running, step 0, 5 %'],
    ['waits with too few rows', observing(windowWith({ requests: 199 })), 6_000, 'stayed: running, step 0, 5 %'],
    [
      'goes back at once where a check fails, before its time',
      observing(windowWith({ requests: 200, failures: 11 })),
      1,
      'rolled_back: rolled_back, step 0, 0 %',
    ],
    [
      'does not take the failures of too few rows for a failed check',
      observing(windowWith({ requests: 199, failures: 199 })),
      1,
      'stayed: running, step 0, 5 %',
    ],
    [
      'goes back at once where most requests fail, whatever their number',
      observing(NOTHING, { recent: windowWith({ requests: 20, failures: 10 }) }),
      1,
      'rolled_back: rolled_back, step 0, 0 %',
    ],
    [
      'stays where the baseline fails as well',
      observing(NOTHING, { recent: windowWith({ requests: 20, failures: 10 }, { requests: 20, failures: 6 }) }),
      1,
      'stayed: running, step 0, 5 %',
    ],
    [
      'goes back at once where the version does not load',
      { ...good, loadFailure: { code: 'MD204', detail: 'no model' } },
      1,
      'rolled_back: rolled_back, step 0, 0 %',
    ],
    [
      'waits where a store is away while it loads',
      { ...good, loadFailure: { code: 'ST101', detail: 'away' } },
      60,
      'advanced: running, step 1, 50 %',
    ],
    ['ends where the candidate follows nothing', { ...good, follows: null }, 60, 'superseded: superseded, step 0, 0 %'],
    ['ends where the candidate follows another', { ...good, follows: 'v3' }, 60, 'superseded: superseded, step 0, 0 %'],
    ['ends where the baseline has the version', { ...good, baseline: 'v2' }, 60, 'superseded: superseded, step 0, 0 %'],
  ])('%s', (_, observed, minutes, expected) => expect(outcome(step(start(), observed, minutes))).toBe(expected));

  it('measures once an interval', () => {
    const measured = step(start(), observing(NOTHING), 0)!.standing;
    expect(step(measured, observing(NOTHING), 0.4)).toBeUndefined();
    expect(step(measured, observing(NOTHING), 0.5)).toBeDefined();
  });

  it('keeps a decision where it waits for another thing, not where numbers change', () => {
    const first = step(start(), observing(windowWith({ requests: 10 })), 0)!;
    expect(first.decision?.reason).toBe('10 of 200 rows are there');
    const second = step(first.standing, observing(windowWith({ requests: 20 })), 1)!;
    expect(second).toMatchObject({ decision: null, standing: { reason: '20 of 200 rows are there' } });
    expect(step(second.standing, good, 2)?.decision?.reason).toBe('the step lasts 1h');
  });

  it('is promoted after its last step, held where that is asked for', () => {
    const last = step(start(), good, 60)!.standing;
    expect(outcome(step(last, good, 61))).toBe('promoting: promoting, step 1, 50 %');
    expect(outcome(step(last, good, 61, { ...SPEC, onSuccess: 'hold' }))).toBe('held: held, step 1, 50 %');
  });

  it('tolerates as many failed measurements of a step as it may', () => {
    const spec: Rollout = { ...SPEC, analysis: [{ metric: 'errors', max: 0.05, failureLimit: 2 }] };
    const bad = observing(windowWith({ requests: 200, failures: 20 }));
    let standing = start(spec);
    for (const minutes of [1, 2]) {
      const decided = step(standing, bad, minutes, spec)!;
      expect(decided.standing).toMatchObject({ status: 'running', failures: { 'errors max': minutes } });
      standing = decided.standing;
    }
    // A measurement that passes between does not forgive them.
    standing = step(standing, good, 3, spec)!.standing;
    expect(outcome(step(standing, bad, 4, spec))).toBe('rolled_back: rolled_back, step 0, 0 %');
    const next = step(standing, good, 60, spec)!.standing;
    expect(next).toMatchObject({ step: 1, failures: {} });
  });

  it('is paused where a step does not end within its deadline, and never goes on or back for want of data', () => {
    const spec: Rollout = { ...SPEC, progressDeadline: '1d' };
    expect(outcome(step(start(spec), observing(NOTHING), 24 * 60, spec))).toBe('stayed: running, step 0, 5 %');
    expect(outcome(step(start(spec), observing(NOTHING), 24 * 60 + 1, spec))).toBe('paused: paused, step 0, 5 %');
  });

  it('stands still while it is paused, and goes back all the same where the candidate breaks', () => {
    const paused = (commanded(start(), 'pause', 'lunch', at(10)) as Decided).standing;
    expect(paused).toMatchObject({ status: 'paused', share: 5, reason: 'paused by hand: lunch' });
    expect(step(paused, good, 600)).toBeUndefined();
    const broken = { ...good, recent: windowWith({ requests: 50, failures: 50 }) };
    expect(outcome(step(paused, broken, 11))).toBe('rolled_back: rolled_back, step 0, 0 %');
    // 50 minutes of pause do not count for the hour of the step.
    const resumed = (commanded(paused, 'resume', null, at(60)) as Decided).standing;
    expect(outcome(step(resumed, good, 109))).toBe('stayed: running, step 0, 5 %');
    expect(outcome(step(resumed, good, 110))).toBe('advanced: running, step 1, 50 %');
  });

  it.each([
    ['rolled_back', 'pause'],
    ['rolled_back', 'resume'],
    ['aborted', 'promote'],
    ['promoted', 'abort'],
    ['promoting', 'abort'],
    ['running', 'resume'],
    ['held', 'pause'],
  ] as const)('that is %s cannot be told to %s', (status, command) =>
    expect(commanded({ ...start(), status }, command, null, at(1))).toMatch(/^it is /),
  );

  it('is aborted and promoted by hand', () => {
    expect(outcome(commanded(start(), 'abort', null, at(1)) as Decided)).toBe('aborted: aborted, step 0, 0 %');
    expect(outcome(commanded(start(), 'promote', null, at(1)) as Decided)).toBe('promoting: promoting, step 0, 5 %');
  });

  it('is paused where a gate refuses the promotion, and ends where its version is gone', () => {
    const promoting: RolloutStanding = { ...start(), status: 'promoting' };
    const settle = (what: Parameters<typeof settled>[1]['outcome']) =>
      outcome(settled(promoting, { outcome: what, detail: '' }, at(1)));
    expect(settle('promoted')).toBe('promoted: promoted, step 0, 5 %');
    expect(settle('refused')).toBe('refused: paused, step 0, 5 %');
    expect(settle('gone')).toBe('superseded: superseded, step 0, 0 %');
  });

  it.each<[string, Rollout['steps'], string]>([
    ['with the step of the same share', [{ share: 1 }, { share: 5, minSamples: 9 }, { share: 50 }], 'step 1, 5 %'],
    ['with the first that gives no less', [{ share: 1 }, { share: 20 }, { share: 50 }], 'step 1, 20 %'],
    ['with the last one, at the share that it has, where all give less', [{ share: 1 }, { share: 2 }], 'step 1, 5 %'],
  ])('goes on %s where its steps are edited under way', (_, steps, expected) => {
    const decided = step(start(), good, 30, { ...SPEC, steps })!;
    expect(outcome(decided)).toBe(`adapted: running, ${expected}`);
    expect(decided.standing.stepStartedAt).toEqual(at(30));
  });

  it('forgets failed measurements where its analysis is edited under way, and keeps the time of its step', () => {
    const spec: Rollout = { ...SPEC, analysis: [{ metric: 'errors', max: 0.5 }] };
    const decided = step({ ...start(), failures: { 'errors max': 1 } }, good, 30, spec)!;
    expect(decided.standing).toMatchObject({ failures: {}, stepStartedAt: at(0), step: 0 });
  });

  it('ends where the endpoint asks for none any more', () =>
    expect(outcome(step(start(), good, 1, null))).toBe('superseded: superseded, step 0, 0 %'));
});

describe('whatever is measured and whoever commands', () => {
  const share = fc.double({ min: 0, max: 100, noNaN: true });
  const specs: fc.Arbitrary<Rollout> = fc
    .record({
      steps: fc.array(fc.record({ share, minSamples: fc.integer({ min: 1, max: 300 }) }), {
        minLength: 1,
        maxLength: 5,
      }),
      max: fc.double({ min: 0, max: 1, noNaN: true }),
      onSuccess: fc.constantFrom('promote' as const, 'hold' as const),
    })
    .map(({ steps, max, onSuccess }) => ({
      candidate: 'treatment',
      baseline: 'control',
      steps: steps.sort((a, b) => a.share - b.share).map((one) => ({ ...one, share: Math.max(0.01, one.share) })),
      analysis: [{ metric: 'errors', max }],
      onSuccess,
      interval: '1s',
    }));
  type Event =
    | { readonly kind: 'measure'; readonly requests: number; readonly failures: number; readonly recent: boolean }
    | { readonly kind: 'command'; readonly command: 'pause' | 'resume' | 'abort' | 'promote' }
    | { readonly kind: 'edit'; readonly spec: Rollout };
  const events: fc.Arbitrary<readonly Event[]> = fc.array(
    fc.oneof(
      {
        weight: 6,
        arbitrary: fc.record({
          kind: fc.constant('measure' as const),
          requests: fc.integer({ min: 0, max: 400 }),
          failures: fc.integer({ min: 0, max: 60 }),
          recent: fc.boolean(),
        }),
      },
      {
        weight: 1,
        arbitrary: fc.record({
          kind: fc.constant('command' as const),
          command: fc.constantFrom('pause', 'resume', 'abort', 'promote'),
        }),
      },
      { weight: 1, arbitrary: fc.record({ kind: fc.constant('edit' as const), spec: specs }) },
    ),
    { maxLength: 40 },
  );

  it('the share rises or falls to nothing for good, and nothing is promoted by itself with fewer rows than its steps ask for', () => {
    fc.assert(
      fc.property(specs, events, (first, all) => {
        let spec = first;
        let standing = start(spec);
        let minutes = 0;
        for (const event of all) {
          minutes += 1;
          const before = standing;
          if (event.kind === 'edit') {
            spec = event.spec;
            continue;
          }
          let decided: Decided | string | undefined;
          if (event.kind === 'command') decided = commanded(standing, event.command, null, at(minutes));
          else {
            const seen = windowWith({ requests: event.requests, failures: Math.min(event.failures, event.requests) });
            decided = step(standing, observing(seen, { recent: event.recent ? seen : NOTHING }), minutes, spec);
            if (decided?.standing.status === 'promoting' || (decided?.standing.step ?? 0) > before.step) {
              // An edited plan is taken over by itself, without any row.
              if (decided!.decision!.kind !== 'adapted') {
                expect(event.requests).toBeGreaterThanOrEqual(before.plan.steps[before.step]!.minSamples!);
                expect(event.failures / event.requests).toBeLessThanOrEqual(before.plan.analysis[0]!.max!);
              }
            }
          }
          if (typeof decided === 'string' || decided === undefined) continue;
          standing = decided.standing;
          const out = ['rolled_back', 'aborted', 'superseded'];
          if (out.includes(standing.status)) expect(standing.share).toBe(0);
          else expect(standing.share).toBeGreaterThanOrEqual(before.share);
          // Once out, nothing brings it back.
          expect(out).not.toContain(before.status);
        }
      }),
      { numRuns: 2_000, seed: 8 },
    );
  });
});
