/** Metrics of a variant by name: which way is better, and where they stand among the figures. */
import type { Moments } from '../../lib/moments.ts';
import type { RolloutAnalysis } from '../../spec/schema-types.ts';
import type { Loss, VariantFigures } from '../../stores/control/variant-figures.ts';
import type { DriftFigures } from '../../stores/drift.ts';
import type { Measure } from './measure.ts';

export type MetricName = RolloutAnalysis['metric'] | 'conversion';

export interface Metric {
  readonly name: MetricName;
  /** Null: neither. */
  readonly better: 'less' | 'more' | null;
  /** It is told from outcomes, which come late. */
  readonly labelled: boolean;
  readonly read: (figures: VariantFigures) => Measured | null;
}

export interface Measured {
  readonly value: number;
  readonly rows: number;
  /** Null where no variance is known: a quantile, a distance. */
  readonly measure: Measure | null;
}

export const METRICS: readonly Metric[] = [
  {
    name: 'errors',
    better: 'less',
    labelled: false,
    read: ({ requests, failures }) => measured(requests, { kind: 'rate', ones: failures, count: requests }),
  },
  latency('latency_p50', 'p50'),
  latency('latency_p95', 'p95'),
  latency('latency_p99', 'p99'),
  {
    name: 'drift',
    better: 'less',
    labelled: false,
    read: ({ drift, requests }) => {
      const value = drift === null ? null : greatest(drift);
      return value === null ? null : { value, rows: requests, measure: null };
    },
  },
  {
    name: 'disagreement',
    better: 'less',
    labelled: false,
    read: ({ disagreement }) =>
      disagreement === null
        ? null
        : measured(disagreement.pairs, { kind: 'rate', ones: disagreement.disagreed, count: disagreement.pairs }),
  },
  {
    name: 'score',
    better: null,
    labelled: false,
    read: ({ score }) => (score === null ? null : measured(score.count, { kind: 'mean', moments: score })),
  },
  loss('accuracy', 'correct', 'more'),
  loss('brier', 'brier', 'less'),
  loss('log_loss', 'log_loss', 'less'),
  loss('mae', 'absolute', 'less'),
  loss('mse', 'squared', 'less'),
  {
    name: 'auc',
    better: 'more',
    labelled: true,
    read: ({ labelled }) => {
      if (labelled?.auc == null) return null;
      const { auc: value, aucRows: rows } = labelled;
      return measured(rows.positives + rows.negatives, { kind: 'auc', value, ...rows });
    },
  },
  {
    name: 'conversion',
    better: null,
    labelled: true,
    read: ({ labelled }) =>
      labelled?.outcome == null ? null : measured(labelled.outcome.count, ofOutcome(labelled.outcome)),
  },
];

export function metricNamed(name: string): Metric | undefined {
  return METRICS.find((metric) => metric.name === name);
}

function latency(name: 'latency_p50' | 'latency_p95' | 'latency_p99', quantile: 'p50' | 'p95' | 'p99'): Metric {
  return {
    name,
    better: 'less',
    labelled: false,
    read: ({ latencyMs, requests }) =>
      latencyMs === null ? null : { value: latencyMs[quantile], rows: requests, measure: null },
  };
}

function loss(name: MetricName, of: Loss, better: 'less' | 'more'): Metric {
  return {
    name,
    better,
    labelled: true,
    read: ({ labelled }) => {
      const moments = labelled?.[of];
      if (moments === undefined) return null;
      return measured(
        moments.count,
        of === 'correct'
          ? { kind: 'rate', ones: Math.round(moments.mean * moments.count), count: moments.count }
          : { kind: 'mean', moments },
      );
    },
  };
}

/** The greatest index of an input or output that has one. */
function greatest({ inputs, outputs }: DriftFigures): number | null {
  const known = [...Object.values(inputs), ...Object.values(outputs)].flatMap(({ psi }) => (psi === null ? [] : [psi]));
  return known.length === 0 ? null : Math.max(...known);
}

/** Of zeros and ones a rate. */
function ofOutcome(outcome: Moments): Measure {
  const { count, mean, m2 } = outcome;
  const binary = Math.abs(m2 - count * mean * (1 - mean)) <= 1e-6 * Math.max(1, count);
  return binary ? { kind: 'rate', ones: Math.round(mean * count), count } : { kind: 'mean', moments: outcome };
}

function measured(rows: number, measure: Measure): Measured | null {
  if (rows === 0) return null;
  const value =
    measure.kind === 'rate'
      ? measure.ones / measure.count
      : measure.kind === 'mean'
        ? measure.moments.mean
        : measure.value;
  return { value, rows, measure };
}
