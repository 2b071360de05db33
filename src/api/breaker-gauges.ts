/** Circuit breakers of pipelines as gauges. */
import type { BreakerStanding } from '../stores/control/breakers.ts';
import type { Gauge } from './metrics.ts';

const STATES = { closed: 0, half_open: 1, open: 2 } as const;

export function breakerGauges(standings: readonly BreakerStanding[]): readonly Gauge[] {
  const gauge = (name: string, help: string, value: (standing: BreakerStanding) => number): Gauge => ({
    name,
    help,
    samples: standings.map((standing) => ({ labels: { pipeline: standing.pipeline }, value: value(standing) })),
  });
  return [
    gauge(
      'mlops_pipeline_breaker_state',
      'The breaker of the pipeline: 0 closed, 1 half open, 2 open.',
      ({ state }) => STATES[state],
    ),
    gauge(
      'mlops_pipeline_failures_in_a_row',
      'Runs that failed since the last one that succeeded.',
      (one) => one.failures,
    ),
    gauge(
      'mlops_pipeline_skipped_runs',
      'Runs that did not start because the breaker was open, ever.',
      (one) => one.skippedTotal,
    ),
  ];
}
