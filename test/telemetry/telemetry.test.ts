/** Traces and lineage of real runs, as receivers get them. */
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { attemptSpanId, parseTraceParent, traceIdOf } from '../../src/lib/trace-context.ts';
import type { CanonicalPipeline } from '../../src/spec/canonical-specs.ts';
import { createPostgresRunTraces } from '../../src/stores/postgres/postgres-run-traces.ts';
import { type LineageCatalog, lineageEvent } from '../../src/telemetry/open-lineage.ts';
import { traceRequests } from '../../src/telemetry/otlp.ts';
import { openLineageSettings, otlpSettings } from '../../src/telemetry/settings.ts';
import { createTelemetry, type Sink, type Telemetry } from '../../src/telemetry/telemetry.ts';
import { ended, ingesting, MANUAL, openRig, pipelineOf, type Rig, until } from '../support/orchestrator.ts';
import { type FreshDatabase, freshDatabase } from '../support/postgres.ts';
import { type HttpReceiver, httpReceiver } from '../support/receivers.ts';

let database: FreshDatabase;
let rig: Rig;
let receiver: HttpReceiver;
let opened: Telemetry[];

beforeAll(async () => {
  database = await freshDatabase();
});
afterAll(() => database.drop());
beforeEach(async () => {
  rig = await openRig(database.connectionString);
  receiver = await httpReceiver();
  opened = [];
});
afterEach(async () => {
  await Promise.all(opened.map((telemetry) => telemetry.stop()));
  await rig.close();
  await receiver.close();
});

const RESOURCE = { serviceName: 'mlops', version: '1.2.3', project: 'p', environment: 'dev' };
const CATALOG: LineageCatalog = {
  featureSet: (name) =>
    name === 'labs'
      ? {
          columns: [
            { name: 'bili', type: 'float64' },
            { name: 'any', type: undefined },
          ],
          lineage: { bili: [{ source: 'visits', column: 'bili' }], any: null },
          sources: ['visits'],
        }
      : undefined,
};

function open(...which: Sink['name'][]): Telemetry {
  const sinks: Sink[] = which.map((name) => ({
    name,
    url: `${receiver.url}/${name}`,
    headers: { authorization: 'Bearer key' },
    requests: (move, run) => {
      if (name === 'otlp')
        return move.status === 'running' || move.status === 'queued' ? [] : traceRequests(run, RESOURCE);
      const event = lineageEvent(move, run, RESOURCE, CATALOG);
      return event === undefined ? [] : [{ body: event, items: 1 }];
    },
  }));
  const telemetry = createTelemetry({
    store: createPostgresRunTraces(rig.db, rig.scopeId),
    sinks,
    report: () => {},
    pauseMs: 5,
  });
  opened.push(telemetry);
  telemetry.start();
  return telemetry;
}

const emptied = () =>
  until('the feed is empty', async () => {
    const [row] = await rig.db.query<{ n: number }>(
      `select count(*) as n from mlops.run_moves where scope_id = $1 and consumer = 'telemetry'`,
      [rig.scopeId],
    );
    return Number(row?.n) === 0;
  });

// biome-ignore lint/suspicious/noExplicitAny: what was received is looked into member by member
const bodies = (path: string): any[] =>
  receiver.received.filter((one) => one.path === path).map(({ body }) => JSON.parse(body));

async function runOf(
  pipeline: CanonicalPipeline,
  more: { fail?: boolean; traceparent?: string } = {},
): Promise<string> {
  const orchestrator = rig.open({
    services: {
      ...ingesting({
        b: () => {
          if (more.fail === true) throw new Error('disk full');
        },
      }),
    },
  });
  await orchestrator.worker.start();
  const cause = { ...MANUAL, ...(more.traceparent !== undefined && { traceparent: more.traceparent }) };
  const { runId } = await orchestrator.submit({ pipeline, cause });
  await ended(orchestrator, runId);
  return runId;
}

/** What opentelemetry-proto's trace.proto and its JSON mapping ask of a span. */
// biome-ignore lint/suspicious/noExplicitAny: likewise
function wrongSpans(spans: readonly any[]): string[] {
  const ids = new Set(spans.map(({ spanId }) => spanId as string));
  return spans.flatMap((span) => [
    ...(/^[0-9a-f]{32}$/.test(span.traceId) ? [] : [`trace id ${span.traceId}`]),
    ...(/^[0-9a-f]{16}$/.test(span.spanId) ? [] : [`span id ${span.spanId}`]),
    ...(typeof span.name === 'string' && span.name !== '' ? [] : ['no name']),
    ...(/^\d{19}$/.test(span.startTimeUnixNano) && /^\d{19}$/.test(span.endTimeUnixNano) ? [] : ['times']),
    ...(BigInt(span.startTimeUnixNano) <= BigInt(span.endTimeUnixNano) ? [] : [`${span.name} ends before it begins`]),
    ...(span.kind === 1 && [1, 2].includes(span.status.code) ? [] : ['kind or status']),
    ...span.attributes.flatMap(({ key, value }: { key: string; value: object }) =>
      typeof key === 'string' &&
      Object.keys(value).length === 1 &&
      /^(string|int|bool)Value$/.test(Object.keys(value)[0] ?? '')
        ? []
        : [`attribute ${key}`],
    ),
    ...(ids.size === spans.length ? [] : ['ids twice']),
  ]);
}

describe('traces', () => {
  it('have a span for the run and within it one for each attempt, retries too', async () => {
    open('otlp');
    const retry = { limit: 1, backoff: { initial: '10ms', factor: 1, cap: '10ms', jitter: false } };
    const runId = await runOf(pipelineOf({ a: {}, b: { needs: ['a'], retry } }), { fail: true });
    await emptied();
    const [request] = await until('it is exported', () => (bodies('/otlp').length > 0 ? bodies('/otlp') : undefined));
    expect(receiver.received[0]?.headers).toMatchObject({
      'content-type': 'application/json',
      authorization: 'Bearer key',
    });
    const [{ resource, scopeSpans }] = request.resourceSpans;
    expect(resource.attributes).toContainEqual({ key: 'service.name', value: { stringValue: 'mlops' } });
    const { spans } = scopeSpans[0];
    expect(wrongSpans(spans)).toEqual([]);
    const [run, ...attempts] = spans;
    expect(run).toMatchObject({ name: 'run p', traceId: runId.replaceAll('-', ''), status: { code: 2 } });
    expect(run.parentSpanId).toBeUndefined();
    expect(attempts.map(({ name, status }: { name: string; status: object }) => [name, status])).toEqual([
      ['a', { code: 1 }],
      ['b', { code: 2, message: 'disk full' }],
      ['b', { code: 2, message: 'disk full' }],
    ]);
    for (const span of attempts) expect(span).toMatchObject({ traceId: run.traceId, parentSpanId: run.spanId });
    expect(attempts[2].spanId).toBe(attemptSpanId(runId, 'b', 2));
  });

  it("are a part of the caller's, and a process is told its span", async () => {
    open('otlp');
    const traceparent = '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01';
    const pipeline = pipelineOf({
      c: {
        operator: 'command',
        command: [
          'node',
          '-e',
          'fs.writeFileSync(process.env.MLOPS_OUTPUTS, JSON.stringify({ t: process.env.TRACEPARENT }))',
        ],
      },
    } as never);
    const runId = await runOf(pipeline, { traceparent });
    const [request] = await until('it is exported', () => (bodies('/otlp').length > 0 ? bodies('/otlp') : undefined));
    const [run, attempt] = request.resourceSpans[0].scopeSpans[0].spans;
    expect(run).toMatchObject({ traceId: '0af7651916cd43dd8448eb211c80319c', parentSpanId: 'b7ad6b7169203331' });
    expect((await rig.runs.outputs(runId, ['c']))['c']).toEqual({ t: `00-${run.traceId}-${attempt.spanId}-01` });
  });

  it('that nobody takes are dropped and counted, and the runs are none the worse', async () => {
    await receiver.close();
    const telemetry = open('otlp', 'open_lineage');
    const runId = await runOf(pipelineOf({ a: {} }));
    await emptied();
    await until('they are counted', () => telemetry.figures.dropped.list().every(({ value }) => value > 0));
    expect((await rig.runs.summary(runId))?.status).toBe('succeeded');
    receiver = await httpReceiver();
  });
});

describe('lineage', () => {
  /** What OpenLineage's object model asks of every event and facet. */
  // biome-ignore lint/suspicious/noExplicitAny: likewise
  function wrongFacets(value: any, path = ''): string[] {
    if (typeof value !== 'object' || value === null) return [];
    return Object.entries(value).flatMap(([name, member]) => {
      const inside = wrongFacets(member, `${path}/${name}`);
      if (name !== 'facets') return inside;
      // biome-ignore lint/suspicious/noExplicitAny: likewise
      const facets = Object.entries(member as Record<string, any>);
      return [
        ...inside,
        ...facets.flatMap(([facet, { _producer, _schemaURL }]) =>
          URL.canParse(_producer) && URL.canParse(_schemaURL) ? [] : [`${path}/${facet}`],
        ),
      ];
    });
  }

  it('is told when a run begins and ends, with what it reads and writes, column by column', async () => {
    open('open_lineage');
    const pipeline = {
      name: 'p',
      tasks: { a: { operator: 'data_ingestion', source: 'a', needs: [] } },
    } as unknown as CanonicalPipeline;
    const good = await runOf(pipeline);
    const events = await until('both came', () =>
      bodies('/open_lineage').length >= 2 ? bodies('/open_lineage') : undefined,
    );
    expect(events.map(({ eventType, run }) => [eventType, run.runId])).toEqual([
      ['START', good],
      ['COMPLETE', good],
    ]);
    for (const event of events) {
      expect(event).toMatchObject({
        eventTime: expect.stringMatching(/Z$/),
        producer: expect.stringMatching(/^https:/),
        schemaURL: expect.stringMatching(/RunEvent$/),
      });
      expect(event.job).toMatchObject({ namespace: 'mlops://p/dev', name: 'p' });
      expect(event.inputs).toEqual([{ namespace: 'mlops://p/dev', name: 'source.a' }]);
      expect(wrongFacets(event)).toEqual([]);
    }
  });

  it('of a materialization names the columns that features come from', () => {
    const spec = {
      name: 'p',
      tasks: { m: { operator: 'feature_materialization', featureSets: ['labs'], needs: [] } },
    } as unknown as CanonicalPipeline;
    const at = new Date('2026-01-31T02:00:00Z');
    const run = {
      runId: '11111111-2222-4333-8444-555555555555',
      pipeline: 'p',
      status: 'failed',
      cause: { ...MANUAL, instant: at.toISOString() },
      createdAt: at,
      begunAt: at,
      finishedAt: at,
      gitCommit: null,
      spec,
      attempts: [],
    } as const;
    // biome-ignore lint/suspicious/noExplicitAny: likewise
    const event = lineageEvent({ runId: run.runId, status: 'failed', at }, run, RESOURCE, CATALOG) as any;
    expect(event.eventType).toBe('FAIL');
    expect(event.inputs.map(({ name }: { name: string }) => name)).toEqual(['source.visits']);
    const [labs] = event.outputs;
    expect(labs.facets.schema.fields).toEqual([{ name: 'bili', type: 'float64' }, { name: 'any' }]);
    expect(labs.facets.columnLineage.fields).toEqual({
      bili: { inputFields: [{ namespace: 'mlops://p/dev', name: 'source.visits', field: 'bili' }] },
    });
    expect(event.run.facets.nominalTime.nominalStartTime).toBe('2026-01-31T02:00:00.000Z');
    expect(wrongFacets(event)).toEqual([]);
  });
});

it('settings come from the environment, else from the variables of OpenTelemetry', () => {
  expect(otlpSettings(undefined, {})).toBeUndefined();
  expect(
    otlpSettings(undefined, {
      OTEL_EXPORTER_OTLP_ENDPOINT: 'http://c:4318/',
      OTEL_EXPORTER_OTLP_HEADERS: 'a=b%20c,d=e',
    }),
  ).toEqual({
    url: 'http://c:4318/v1/traces',
    headers: { a: 'b c', d: 'e' },
    serviceName: 'mlops',
  });
  expect(otlpSettings(undefined, { OTEL_EXPORTER_OTLP_TRACES_ENDPOINT: 'http://c/x' })?.url).toBe('http://c/x');
  expect(
    otlpSettings(
      { otlp: { endpoint: 'http://own' } },
      { OTEL_EXPORTER_OTLP_ENDPOINT: 'http://c', OTEL_SDK_DISABLED: 'true' },
    ),
  ).toBeUndefined();
  expect(
    otlpSettings({ otlp: { endpoint: { $env: 'E' }, headers: { k: { $env: 'K' } } } }, { E: 'http://own', K: 'v' }),
  ).toMatchObject({ url: 'http://own/v1/traces', headers: { k: 'v' } });
  expect(openLineageSettings({ openLineage: { url: 'http://m/', apiKey: { $env: 'K' } } }, { K: 'v' })).toEqual({
    url: 'http://m/api/v1/lineage',
    apiKey: 'v',
  });
});

it('a trace context that is none is ignored', () => {
  for (const header of [
    '',
    'x',
    '00-00000000000000000000000000000000-b7ad6b7169203331-01',
    'ff-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01',
    '00-0af7651916cd43dd8448eb211c80319c-0000000000000000-01',
  ])
    expect(parseTraceParent(header)).toBeUndefined();
  expect(traceIdOf('11111111-2222-4333-8444-555555555555', 'nonsense')).toBe('11111111222243338444555555555555');
});
