/**
 * What the variants of an endpoint measured beside each other. Only rows that were drawn count: a rule, a version that was asked for and a fallback
 * choose who is asked, so that their rows cannot be compared. Rows count as independent of each other.
 */
import { MlopsError } from '../../lib/error.ts';
import { didYouMean } from '../../lib/suggest.ts';
import type { CanonicalEndpoint } from '../../spec/canonical-specs.ts';
import type { VariantFigures, VariantFiguresStore } from '../../stores/control/variant-figures.ts';
import { type Difference, differenceOf, type Interval, intervalOf, type Measure, momentsOf } from './measure.ts';
import { METRICS, type Measured, type Metric, metricNamed } from './metric.ts';
import { varianceOf } from './moments.ts';
import { type SampleRatio, sampleRatio } from './sample-ratio.ts';
import { type SampleSize, sampleSize } from './sample-size.ts';
import { type SequentialTest, sequentialDifference } from './sequential.ts';

export interface ResultsQuestion {
  readonly since: Date;
  readonly until: Date;
  /** Default: every one that is known. */
  readonly metric?: string | undefined;
  /** Default: that of the rollout, else the variant with the largest share. */
  readonly baseline?: string | undefined;
  readonly alpha: number;
  readonly power: number;
  /** The least difference that is worth seeing. Default: a twentieth of what the baseline has. */
  readonly effect?: number | undefined;
  /** Since when the shares are what they are now; what came before says nothing of them. */
  readonly sharesSince: Date;
}

export interface Results {
  readonly endpoint: string;
  readonly since: Date;
  readonly until: Date;
  readonly baseline: string;
  readonly alpha: number;
  readonly power: number;
  readonly variants: readonly VariantCounts[];
  /** Null: too little is there, or too much to count. */
  readonly sampleRatio: (SampleRatio & { readonly since: Date }) | null;
  readonly metrics: readonly MetricResult[];
}

export interface VariantCounts {
  readonly variant: string;
  readonly model: string | null;
  readonly version: number | null;
  /** Percent of the keys, now. */
  readonly share: number;
  readonly requests: number;
  readonly failures: number;
  readonly keys: number | null;
  readonly labelled: number;
}

export interface MetricResult {
  readonly metric: string;
  readonly better: 'less' | 'more' | null;
  readonly variants: readonly VariantResult[];
}

export type Verdict = 'better' | 'worse' | 'different' | 'open';

export interface VariantResult {
  readonly variant: string;
  readonly version: number | null;
  readonly rows: number;
  readonly value: number;
  readonly interval: Interval | null;
  /** Null of the baseline, and where no variance is known. */
  readonly comparison: Comparison | null;
}

export interface Comparison {
  /** For one look at the end. */
  readonly difference: Difference;
  /** For any number of looks. Null: too few rows. */
  readonly sequential: SequentialTest | null;
  /** By the sequential test. `open`: nothing is shown yet. */
  readonly verdict: Verdict;
  /** Rows of the variant in all. Null where it cannot be told. */
  readonly needed: (SampleSize & { readonly effect: number; readonly more: number }) | null;
}

/** EP201 is the caller's. API422 for an unknown metric or baseline. */
export async function resultsOf(
  spec: CanonicalEndpoint,
  /** Percent of the keys of a variant, now. */
  shares: ReadonlyMap<string, number>,
  question: ResultsQuestion,
  figures: VariantFiguresStore['figures'],
  signal?: AbortSignal,
): Promise<Results> {
  const baseline = baselineOf(spec, shares, question.baseline);
  const metrics = metricsOf(question.metric);
  const { since, until, alpha, power } = question;
  const read = async (from: Date) =>
    (await figures({ endpoint: spec.name, since: from, until, drawn: true }, signal)).filter(
      ({ role }) => role === 'answer',
    );
  const all = await read(since);
  const ratioSince = question.sharesSince > since ? question.sharesSince : since;
  const drawn = ratioSince === since ? all : await read(ratioSince);
  const base = newest(all, baseline);
  return {
    endpoint: spec.name,
    since,
    until,
    baseline,
    alpha,
    power,
    variants: all.map((one) => ({
      variant: one.variant,
      model: one.model,
      version: one.version,
      share: shares.get(one.variant) ?? 0,
      requests: one.requests,
      failures: one.failures,
      keys: one.keys,
      labelled: one.labelled?.count ?? 0,
    })),
    sampleRatio: ratioOf(drawn, shares, ratioSince),
    metrics: metrics.flatMap((metric) => {
      const variants = all.flatMap((one) => variantResult(metric, one, base, question));
      return variants.length === 0 ? [] : [{ metric: metric.name, better: metric.better, variants }];
    }),
  };
}

function baselineOf(spec: CanonicalEndpoint, shares: ReadonlyMap<string, number>, asked: string | undefined): string {
  const names = Object.keys(spec.variants).sort();
  if (asked !== undefined) {
    if (names.includes(asked)) return asked;
    throw new MlopsError('API422', {
      detail: `${spec.name} has no variant "${asked}" to compare with.`,
      hint: didYouMean(asked, names),
    });
  }
  if (spec.rollout !== undefined) return spec.rollout.baseline;
  return [...names].sort((a, b) => (shares.get(b) ?? 0) - (shares.get(a) ?? 0))[0]!;
}

function metricsOf(asked: string | undefined): readonly Metric[] {
  if (asked === undefined) return METRICS;
  const found = metricNamed(asked);
  if (found !== undefined) return [found];
  const names = METRICS.map(({ name }) => name);
  throw new MlopsError('API422', {
    detail: `There is no metric "${asked}".`,
    hint: didYouMean(asked, names) ?? `one of ${names.join(', ')}`,
  });
}

/** Versions of a variant came one after another: the newest is what it stands for. */
function newest(all: readonly VariantFigures[], variant: string): VariantFigures | undefined {
  return all.filter((one) => one.variant === variant).sort((a, b) => (b.version ?? 0) - (a.version ?? 0))[0];
}

/** Of keys, not of rows: the rows of one key all go the same way. */
function ratioOf(
  drawn: readonly VariantFigures[],
  shares: ReadonlyMap<string, number>,
  since: Date,
): Results['sampleRatio'] {
  const counts = new Map<string, number>();
  for (const { variant, keys } of drawn) {
    if (keys === null) return null;
    counts.set(variant, (counts.get(variant) ?? 0) + keys);
  }
  const ratio = sampleRatio(counts, shares);
  return ratio === undefined ? null : { ...ratio, since };
}

function variantResult(
  metric: Metric,
  one: VariantFigures,
  base: VariantFigures | undefined,
  question: ResultsQuestion,
): readonly VariantResult[] {
  const own = metric.read(one);
  if (own === null) return [];
  const other = base === undefined || base === one || one.variant === base.variant ? null : metric.read(base);
  return [
    {
      variant: one.variant,
      version: one.version,
      rows: own.rows,
      value: own.value,
      interval: own.measure === null ? null : intervalOf(own.measure, question.alpha),
      comparison: other === null ? null : compared(metric, own, other, question),
    },
  ];
}

function compared(metric: Metric, own: Measured, other: Measured, question: ResultsQuestion): Comparison | null {
  if (own.measure === null || other.measure === null) return null;
  const { alpha } = question;
  const sequential = sequentialDifference(own.measure, other.measure, alpha);
  return {
    difference: differenceOf(own.measure, other.measure, alpha),
    sequential,
    verdict: verdictOf(metric, own.value - other.value, sequential, alpha),
    needed: neededOf(own, other, question),
  };
}

function verdictOf({ better }: Metric, difference: number, test: SequentialTest | null, alpha: number): Verdict {
  if (test === null || test.pValue > alpha) return 'open';
  if (better === null) return 'different';
  return difference > 0 === (better === 'more') ? 'better' : 'worse';
}

function neededOf(own: Measured, other: Measured, question: ResultsQuestion): Comparison['needed'] {
  const effect = question.effect ?? Math.abs(other.value) / 20;
  const [varianceVariant, varianceBaseline] = [rowVariance(own.measure), rowVariance(other.measure)];
  if (effect === 0 || varianceVariant === null || varianceBaseline === null) return null;
  const { alpha, power } = question;
  const size = sampleSize({ varianceBaseline, varianceVariant, effect, alpha, power, ratio: own.rows / other.rows });
  return { ...size, effect, more: Math.max(0, size.sequential - own.rows) };
}

/** Of an area no row has one. */
function rowVariance(measure: Measure | null): number | null {
  return measure === null || measure.kind === 'auc' ? null : varianceOf(momentsOf(measure));
}
