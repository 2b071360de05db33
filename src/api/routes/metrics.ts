/** Figures for Prometheus. */
import { breakerGauges } from '../breaker-gauges.ts';
import type { ApiContext } from '../context.ts';
import { exposition, gauge } from '../metrics.ts';
import { modelMemoryGauges } from '../model-memory-gauges.ts';
import { notifyFamilies, standingNotifyGauges, telemetryFamilies } from '../notify-gauges.ts';
import { processGauges } from '../process-gauges.ts';
import { qualityGauges } from '../quality-gauges.ts';
import type { Route } from '../route.ts';
import { figureFamilies, poolGauges, standingGauges } from '../run-gauges.ts';
import { createScrape } from '../scrape.ts';
import { answerLogFamilies, featureSetGauges, rolloutGauges, servingFamilies } from '../serving-gauges.ts';
import { usageGauges } from '../usage-gauges.ts';

type MetricsContext = Pick<
  ApiContext,
  | 'scope'
  | 'version'
  | 'startedAt'
  | 'metrics'
  | 'readiness'
  | 'catalog'
  | 'features'
  | 'orchestrator'
  | 'notifier'
  | 'telemetry'
  | 'serving'
  | 'repository'
  | 'rollouts'
>;

export function metricsRoutes(context: MetricsContext): readonly Route[] {
  const { metrics, features, orchestrator, notifier, telemetry, serving, repository, rollouts } = context;
  const ofProcess = processGauges(context);
  const scrape = createScrape([
    {
      name: 'stores',
      read: async (withinMs) => {
        const checks = await context.readiness(withinMs - 200);
        return [
          gauge(
            'mlops_store_up',
            '1 where the store answers, else 0.',
            (['control_store', 'online_store'] as const).map((store) => ({
              labels: { store },
              value: (checks[store] ?? null) === null ? 1 : 0,
            })),
          ),
        ];
      },
    },
    { name: 'runs', read: async (withinMs) => standingGauges(await orchestrator.standing(withinMs)) },
    { name: 'pools', read: async () => poolGauges(await orchestrator.pools()) },
    { name: 'breakers', read: async () => breakerGauges(await orchestrator.breakers()) },
    { name: 'notifications', read: async (withinMs) => standingNotifyGauges(await notifier.standing(withinMs)) },
    { name: 'rollouts', read: async () => rolloutGauges(await rollouts.newest()) },
    { name: 'feature_sets', read: async () => featureSetGauges(await features.list()) },
    { name: 'feature_quality', read: async () => qualityGauges(await features.insights()) },
  ]);
  return [
    {
      method: 'GET',
      path: '/metrics',
      operationId: 'metrics',
      summary: "Figures in Prometheus' text format.",
      tag: 'operation',
      answers: { 200: { description: 'The exposition.', contentType: 'text/plain' } },
      handle: async () => {
        const asked = await scrape();
        return {
          kind: 'text',
          status: 200,
          contentType: 'text/plain; version=0.0.4; charset=utf-8',
          text: exposition([
            ...ofProcess(),
            ...metrics.families(),
            ...figureFamilies(orchestrator.figures),
            ...usageGauges(orchestrator.usage()),
            ...notifyFamilies(notifier.figures),
            ...telemetryFamilies(telemetry?.figures),
            ...servingFamilies(serving.status()),
            ...modelMemoryGauges(repository.memory()),
            ...answerLogFamilies(features.answers?.status()),
            ...asked,
          ]),
        };
      },
    },
  ];
}
