import { describe, expect, it } from 'vitest';
import { evaluateChecks } from '../../../src/serving/rollouts/checks.ts';
import { NOTHING, type Window } from '../../../src/serving/rollouts/observation.ts';
import type { RolloutAnalysis } from '../../../src/spec/schema-types.ts';
import type { VariantFigures } from '../../../src/stores/control/variant-figures.ts';
import { figures, windowWith } from './figures.ts';

const STEP = { share: 10, minSamples: 100 };
const latency = (p99: number) => ({ p50: 1, p95: 2, p99 });
const labelled = (count: number, brier: number): VariantFigures['labelled'] => ({
  count,
  auc: null,
  aucRows: { positives: 0, negatives: 0 },
  outcome: null,
  brier: { count, mean: brier, m2: count * 0.01 },
});

function check(
  analysis: RolloutAnalysis,
  step: Window,
  { whole = step, share = 10, index = 0 }: { whole?: Window; share?: number; index?: number } = {},
) {
  return evaluateChecks([analysis], { step: { ...STEP, share }, index }, { step, whole })[0];
}

describe('a check', () => {
  it.each<[string, RolloutAnalysis, Window, string]>([
    ['at most', { metric: 'latency_p99', max: 10 }, windowWith({ requests: 100, latencyMs: latency(10) }), 'passed'],
    [
      'more than at most',
      { metric: 'latency_p99', max: 10 },
      windowWith({ requests: 100, latencyMs: latency(10.1) }),
      'failed',
    ],
    [
      'less than at least',
      { metric: 'score', min: 0.2 },
      windowWith({ requests: 100, score: { count: 100, mean: 0.1, m2: 1 } }),
      'failed',
    ],
    [
      'of too few rows',
      { metric: 'latency_p99', max: 10 },
      windowWith({ requests: 99, latencyMs: latency(99) }),
      'waiting',
    ],
    [
      'of its own number of rows',
      { metric: 'latency_p99', max: 10, minSamples: 9 },
      windowWith({ requests: 9, latencyMs: latency(99) }),
      'failed',
    ],
    ['that is not known', { metric: 'latency_p99', max: 10 }, windowWith({ requests: 900 }), 'waiting'],
    ['without any rows', { metric: 'errors', max: 0 }, NOTHING, 'waiting'],
    [
      'within a margin',
      { metric: 'errors', atLeast: 'baseline', margin: 0.02 },
      windowWith({ requests: 100, failures: 3 }, { requests: 100, failures: 1 }),
      'passed',
    ],
    [
      'beyond a margin',
      { metric: 'errors', atLeast: 'baseline', margin: 0.01 },
      windowWith({ requests: 100, failures: 3 }, { requests: 100, failures: 1 }),
      'failed',
    ],
    [
      'within percent',
      { metric: 'latency_p99', atLeast: 'baseline', margin: '20%' },
      windowWith({ requests: 100, latencyMs: latency(12) }, { requests: 100, latencyMs: latency(10) }),
      'passed',
    ],
    [
      'beyond percent',
      { metric: 'latency_p99', atLeast: 'baseline', margin: '10%' },
      windowWith({ requests: 100, latencyMs: latency(12) }, { requests: 100, latencyMs: latency(10) }),
      'failed',
    ],
    [
      'against too few rows',
      { metric: 'errors', atLeast: 'baseline' },
      windowWith({ requests: 100, failures: 9 }, { requests: 99 }),
      'waiting',
    ],
  ])('%s is told', (_, analysis, window, verdict) => expect(check(analysis, window)?.verdict).toBe(verdict));

  it('takes more for better where more is better', () => {
    const auc = (value: number) => ({
      labelled: { ...labelled(200, 0.1)!, auc: value, aucRows: { positives: 100, negatives: 100 } },
    });
    const against = (own: number) =>
      check({ metric: 'auc', atLeast: 'baseline', margin: 0.01 }, windowWith(auc(own), auc(0.8)));
    expect(against(0.79)?.verdict).toBe('passed');
    expect(against(0.78)).toMatchObject({
      verdict: 'failed',
      observed: 0.78,
      baseline: 0.8,
      required: 0.79,
      rows: 200,
    });
  });

  it('counts outcomes of all steps, the rest of the step alone', () => {
    const step = windowWith({ requests: 100, failures: 50, labelled: labelled(3, 0.9) });
    const whole = windowWith({ requests: 900, failures: 50, labelled: labelled(300, 0.1) });
    expect(check({ metric: 'brier', max: 0.2 }, step, { whole })).toMatchObject({ verdict: 'passed', rows: 300 });
    expect(check({ metric: 'errors', max: 0.2 }, step, { whole })).toMatchObject({ verdict: 'failed', rows: 100 });
  });

  it('with a confidence fails only where the rows show it, and waits until then', () => {
    const analysis: RolloutAnalysis = { metric: 'errors', atLeast: 'baseline', confidence: 0.95 };
    const seen = (failures: number, requests: number) =>
      check(analysis, windowWith({ requests, failures }, { requests: 5_000, failures: 50 }))?.verdict;
    expect(seen(2, 150)).toBe('waiting');
    expect(seen(1, 150)).toBe('passed');
    expect(seen(45, 150)).toBe('failed');
    const bound = (failures: number) =>
      check({ metric: 'errors', max: 0.02, confidence: 0.95 }, windowWith({ requests: 200, failures }))?.verdict;
    expect([bound(4), bound(6), bound(60)]).toEqual(['passed', 'waiting', 'failed']);
  });

  it('is measured on a shadow where nobody gets an answer yet, and against what the baseline had where it answers nobody any more', () => {
    const shadow = figures({
      role: 'shadow',
      variant: 'next',
      requests: 500,
      failures: 100,
      disagreement: { pairs: 400, disagreed: 40, meanAbsolute: null, m2: null },
    });
    const window: Window = { candidate: null, baseline: figures({ variant: 'control', requests: 500 }), shadow };
    expect(check({ metric: 'errors', max: 0.1 }, window, { share: 0 })).toMatchObject({
      verdict: 'failed',
      observed: 0.2,
    });
    expect(check({ metric: 'disagreement', max: 0.1 }, window)).toMatchObject({ verdict: 'passed', rows: 400 });
    const alone: Window = { candidate: figures({ requests: 500, failures: 5 }), baseline: null, shadow: null };
    const whole = windowWith({ requests: 900 }, { requests: 900, failures: 90 });
    expect(check({ metric: 'errors', atLeast: 'baseline' }, alone, { whole, share: 100 })).toMatchObject({
      verdict: 'passed',
      baseline: 0.1,
    });
  });

  it('is not asked for before its step', () => {
    const window = windowWith({ requests: 500, failures: 500 });
    expect(check({ metric: 'errors', max: 0.1, fromStep: 2 }, window)).toBeUndefined();
    expect(check({ metric: 'errors', max: 0.1, fromStep: 2 }, window, { index: 1 })?.verdict).toBe('failed');
  });

  it('takes the greatest drift of inputs and outputs', () => {
    const drift = {
      inputs: { 'labs.bili': { count: 100, psi: 0.05, js: 0, nulls: { reference: 0, current: 0 } } },
      outputs: { probability: { count: 100, psi: 0.3, js: 0, nulls: { reference: 0, current: 0 } } },
    };
    expect(check({ metric: 'drift', max: 0.25 }, windowWith({ requests: 100, drift }))).toMatchObject({
      verdict: 'failed',
      observed: 0.3,
    });
  });
});
