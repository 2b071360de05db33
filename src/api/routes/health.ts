/** Probes, figures and the description of the interface itself. */
import { monitorEventLoopDelay } from 'node:perf_hooks';
import type { LogStatus } from '../../lib/log-writer.ts';
import { breakerGauges } from '../breaker-gauges.ts';
import type { ApiContext } from '../context.ts';
import type { Gauge } from '../metrics.ts';
import { openApiDocument } from '../openapi.ts';
import { qualityGauges } from '../quality-gauges.ts';
import { type JsonSchema, json, type Route } from '../route.ts';
import { usageGauges } from '../usage-gauges.ts';

const tag = 'operation';

type HealthContext = Pick<
  ApiContext,
  'scope' | 'version' | 'startedAt' | 'metrics' | 'readiness' | 'secured' | 'catalog' | 'features' | 'orchestrator'
>;

export function healthRoutes(
  context: HealthContext,
  others: { readonly specSchemas: () => Readonly<Record<string, JsonSchema>>; readonly routes: () => readonly Route[] },
): readonly Route[] {
  const { scope, version, startedAt, metrics } = context;
  const delay = monitorEventLoopDelay({ resolution: 20 });
  delay.enable();
  let document: JsonSchema | undefined;
  return [
    {
      method: 'GET',
      path: '/healthz',
      operationId: 'health',
      summary: 'Whether the process lives.',
      tag,
      open: true,
      answers: { 200: { description: 'It does.' } },
      handle: async () => json(200, { status: 'ok', project: scope.project, environment: scope.environment, version }),
    },
    {
      method: 'GET',
      path: '/readyz',
      operationId: 'readiness',
      summary: 'Whether requests can be served now.',
      tag,
      open: true,
      answers: { 200: { description: 'They can.' }, 503: { description: 'They cannot; `checks` says why.' } },
      handle: async () => {
        const checks = await context.readiness();
        const ready = Object.values(checks).every((problem) => problem === null);
        return json(ready ? 200 : 503, { status: ready ? 'ready' : 'not ready', checks });
      },
    },
    {
      method: 'GET',
      path: '/metrics',
      operationId: 'metrics',
      summary: "Figures in Prometheus' text format.",
      tag,
      answers: { 200: { description: 'The exposition.', contentType: 'text/plain' } },
      handle: async () => ({
        kind: 'text',
        status: 200,
        contentType: 'text/plain; version=0.0.4; charset=utf-8',
        text: metrics.render([
          ...gauges(context, delay.percentile(99) / 1e9),
          ...(await featureGauges(context)),
          ...usageGauges(context.orchestrator.usage()),
          ...breakerGauges(await context.orchestrator.breakers().catch(() => [])),
          ...qualityGauges(await context.features.insights().catch(() => [])),
        ]),
      }),
    },
    {
      method: 'GET',
      path: '/openapi.json',
      operationId: 'openapi',
      summary: 'This interface as OpenAPI 3.1.',
      tag,
      open: true,
      answers: { 200: { description: 'The document.' } },
      handle: async () => {
        document ??= openApiDocument({
          version,
          routes: others.routes(),
          specSchemas: others.specSchemas(),
          secured: context.secured,
        });
        return json(200, document);
      },
    },
  ];

  /** What is materialized; of a control store that is away there is nothing to tell, and the other figures are told all the same. */
  async function featureGauges({ features }: HealthContext): Promise<readonly Gauge[]> {
    const sets = await features.list().catch(() => []);
    const serving = sets.flatMap(({ name, servingVersion, versions }) =>
      versions.flatMap(({ version, rows, watermark }) =>
        version === servingVersion
          ? [{ labels: { feature_set: name, version: String(version) }, rows, watermark }]
          : [],
      ),
    );
    return [
      {
        name: 'mlops_feature_set_rows',
        help: 'Rows of the version that serves, materialized offline.',
        samples: serving.map(({ labels, rows }) => ({ labels, value: rows })),
      },
      {
        name: 'mlops_feature_set_watermark_seconds',
        help: 'Greatest event time materialized, seconds since 1970.',
        samples: serving.flatMap(({ labels, watermark }) =>
          watermark === null ? [] : [{ labels, value: Date.parse(watermark) / 1000 }],
        ),
      },
      ...(features.answers === undefined ? [] : answerGauges(features.answers.status())),
    ];
  }

  /** Of this process. */
  function answerGauges({ written, dropped }: LogStatus): readonly Gauge[] {
    const one = (name: string, help: string, value: number): Gauge => ({
      name,
      help,
      samples: [{ labels: {}, value }],
    });
    return [
      one(
        'mlops_online_answers_kept',
        'Answers to reads of features kept since the start, for features verify.',
        written,
      ),
      one('mlops_online_answers_dropped', 'Those that the control store did not take in time.', dropped),
    ];
  }

  function gauges({ catalog }: HealthContext, eventLoopDelay: number): readonly Gauge[] {
    const kinds = ['feature_set', 'pipeline', 'model', 'endpoint'] as const;
    return [
      {
        name: 'mlops_build_info',
        help: 'Always 1; the version is a label.',
        samples: [{ labels: { version, project: scope.project, environment: scope.environment }, value: 1 }],
      },
      {
        name: 'mlops_resources',
        help: 'Applied resources by kind.',
        samples: kinds.map((kind) => ({ labels: { kind }, value: catalog.list(kind).length })),
      },
      {
        name: 'process_start_time_seconds',
        help: 'Start of the process, seconds since 1970.',
        samples: [{ labels: {}, value: startedAt.getTime() / 1000 }],
      },
      {
        name: 'process_resident_memory_bytes',
        help: 'Resident memory of this process.',
        samples: [{ labels: {}, value: process.memoryUsage.rss() }],
      },
      {
        name: 'nodejs_eventloop_lag_p99_seconds',
        help: '99th percentile of the delay of the event loop since the start.',
        samples: [{ labels: {}, value: eventLoopDelay }],
      },
    ];
  }
}
