/** One measurement of a step: each check of the analysis against the figures. What is not known, or known from too few rows, waits. */
import type { RolloutAnalysis, RolloutStep } from '../../spec/schema-types.ts';
import type { RolloutCheck } from '../../stores/control/rollouts.ts';
import { type Measured, type Metric, metricNamed } from '../results/metric.ts';
import { sequentialDifference, sequentialInterval } from '../results/sequential.ts';
import { minSamplesOf } from './compiled-rollout.ts';
import type { Observation, Window } from './observation.ts';

/** In their order; those that begin at a later step are not asked. */
export function evaluateChecks(
  analysis: readonly RolloutAnalysis[],
  { step, index }: { readonly step: RolloutStep; readonly index: number },
  observed: Pick<Observation, 'step' | 'whole'>,
): readonly RolloutCheck[] {
  return analysis
    .filter(({ fromStep = 1 }) => fromStep <= index + 1)
    .flatMap((one) => rulesOf(one).map((rule) => evaluate(one, rule, step, observed)));
}

type Rule = 'max' | 'min' | 'atLeast';

function rulesOf(analysis: RolloutAnalysis): readonly Rule[] {
  return (['max', 'min', 'atLeast'] as const).filter((rule) => analysis[rule] !== undefined);
}

function evaluate(
  analysis: RolloutAnalysis,
  rule: Rule,
  step: RolloutStep,
  observed: Pick<Observation, 'step' | 'whole'>,
): RolloutCheck {
  const metric = metricNamed(analysis.metric)!;
  // Outcomes come late: those of earlier steps count as well.
  const window = metric.labelled ? observed.whole : observed.step;
  const own = candidateOf(metric, step, window);
  const rows = own?.rows ?? 0;
  const wanted = analysis.minSamples ?? minSamplesOf(step);
  const check = `${analysis.metric} ${rule === 'atLeast' ? 'atLeast baseline' : rule}`;
  const base = { check, metric: analysis.metric, observed: own?.value ?? null, rows };
  const waiting = (detail: string, more: Partial<RolloutCheck> = {}): RolloutCheck => ({
    ...base,
    baseline: null,
    required: null,
    verdict: 'waiting',
    detail,
    ...more,
  });

  if (rule !== 'atLeast') {
    const required = analysis[rule]!;
    if (own === null) return waiting(`${analysis.metric} is not known yet`, { required });
    if (rows < wanted) return waiting(`${analysis.metric} has ${rows} of ${wanted} rows`, { required });
    const keeps = rule === 'max' ? own.value <= required : own.value >= required;
    const { confidence } = analysis;
    const interval =
      confidence === undefined || own.measure === null ? null : sequentialInterval(own.measure, 1 - confidence);
    const shown =
      confidence === undefined ||
      (interval !== null && (rule === 'max' ? interval[0] > required : interval[1] < required));
    return {
      ...base,
      baseline: null,
      required,
      verdict: keeps ? 'passed' : shown ? 'failed' : 'waiting',
      detail: `${analysis.metric} is ${told(own.value)}, ${rule === 'max' ? 'at most' : 'at least'} ${told(required)} is required${keeps || shown ? '' : '; the rows do not show yet that it is not'}`,
    };
  }

  const other = baselineOf(metric, window, observed.whole);
  if (own === null) return waiting(`${analysis.metric} is not known yet`, { baseline: other?.value ?? null });
  if (other === null) return waiting(`${analysis.metric} of the baseline is not known yet`);
  const known = { baseline: other.value, required: requiredOf(metric, other.value, analysis.margin) };
  if (rows < wanted) return waiting(`${analysis.metric} has ${rows} of ${wanted} rows`, known);
  if (other.rows < wanted)
    return waiting(`${analysis.metric} of the baseline has ${other.rows} of ${wanted} rows`, known);
  const more = metric.better === 'more';
  const keeps = more ? own.value >= known.required : own.value <= known.required;
  const shown = analysis.confidence === undefined || isShown(metric, own, other, known.required, analysis.confidence);
  return {
    ...base,
    ...known,
    verdict: keeps ? 'passed' : shown ? 'failed' : 'waiting',
    detail: `${analysis.metric} is ${told(own.value)}, ${more ? 'at least' : 'at most'} ${told(known.required)} is required (the baseline has ${told(other.value)})${keeps || shown ? '' : '; the rows do not show yet that it is worse'}`,
  };
}

/** Where no key is given yet, a shadow of the same version is measured. Disagreement is a shadow's alone. */
function candidateOf(metric: Metric, step: RolloutStep, { candidate, shadow }: Window): Measured | null {
  const from = metric.name === 'disagreement' || step.share === 0 ? shadow : candidate;
  return from === null ? null : metric.read(from);
}

/** At a share of 100 the baseline answers nobody: what it measured since the rollout began stands for it. */
function baselineOf(metric: Metric, window: Window, whole: Window): Measured | null {
  const now = window.baseline === null ? null : metric.read(window.baseline);
  if (now !== null || whole.baseline === null) return now;
  return metric.read(whole.baseline);
}

function requiredOf({ better }: Metric, baseline: number, margin: RolloutAnalysis['margin'] = 0): number {
  const allowed = typeof margin === 'number' ? margin : (Math.abs(baseline) * Number(margin.slice(0, -1))) / 100;
  return better === 'more' ? baseline - allowed : baseline + allowed;
}

/** Whether the rows show, looked at at any time, that it is worse than is allowed. */
function isShown({ better }: Metric, own: Measured, other: Measured, required: number, confidence: number): boolean {
  if (own.measure === null || other.measure === null) return false;
  const test = sequentialDifference(own.measure, other.measure, 1 - confidence);
  if (test === null) return false;
  const allowed = required - other.value;
  return better === 'more' ? test.interval[1] < allowed : test.interval[0] > allowed;
}

/** Four significant digits. */
const told = (value: number): string => String(Number(value.toPrecision(4)));
