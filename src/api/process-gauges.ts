/** This process as figures for Prometheus. */
import { monitorEventLoopDelay } from 'node:perf_hooks';
import type { ApiContext } from './context.ts';
import { type Family, gauge, single } from './metrics.ts';

const KINDS = ['feature_set', 'pipeline', 'model', 'endpoint'] as const;

export function processGauges({
  scope,
  version,
  startedAt,
  catalog,
}: Pick<ApiContext, 'scope' | 'version' | 'startedAt' | 'catalog'>): () => readonly Family[] {
  const delay = monitorEventLoopDelay({ resolution: 20 });
  delay.enable();
  return () => {
    const { user, system } = process.cpuUsage();
    return [
      gauge('mlops_build_info', 'Always 1; the version is a label.', [{ labels: { version, ...scope }, value: 1 }]),
      gauge(
        'mlops_resources',
        'Applied resources by kind.',
        KINDS.map((kind) => ({ labels: { kind }, value: catalog.list(kind).length })),
      ),
      single('process_start_time_seconds', 'Start of the process, seconds since 1970.', startedAt.getTime() / 1000),
      {
        ...single('process_cpu_seconds_total', 'Processor time of this process.', (user + system) / 1e6),
        type: 'counter',
      },
      single('process_resident_memory_bytes', 'Resident memory of this process.', process.memoryUsage.rss()),
      single(
        'nodejs_eventloop_lag_p99_seconds',
        '99th percentile of the delay of the event loop since the start.',
        delay.percentile(99) / 1e9,
      ),
    ];
  };
}
