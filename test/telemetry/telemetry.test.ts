/** Traces and lineage of real runs, as receivers get them. */
import { readFileSync } from 'node:fs';
import { Ajv2020 } from 'ajv/dist/2020.js';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { attemptSpanId, parseTraceParent, traceIdOf } from '../../src/lib/trace-context.ts';
import type { CanonicalPipeline } from '../../src/spec/canonical-specs.ts';
import type { RunTrace } from '../../src/stores/control/run-traces.ts';
import { createPostgresRunTraces } from '../../src/stores/postgres/postgres-run-traces.ts';
import { type LineageCatalog, lineageEvent } from '../../src/telemetry/open-lineage.ts';
import { traceRequests } from '../../src/telemetry/otlp.ts';
import { openLineageSettings, otlpSettings } from '../../src/telemetry/settings.ts';
import { createTelemetry, type Sink, type Telemetry } from '../../src/telemetry/telemetry.ts';
import { ended, ingesting, MANUAL, openRig, pipelineOf, type Rig, until } from '../support/orchestrator.ts';
import { wrongTraceRequest } from '../support/otlp.ts';
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

/** What the messages do not say and a receiver takes for granted. */
// biome-ignore lint/suspicious/noExplicitAny: likewise
function wrongSpans(spans: readonly any[]): string[] {
  const ids = new Set(spans.map(({ spanId }) => spanId as string));
  return spans.flatMap((span) => [
    ...(span.name === '' ? ['no name'] : []),
    ...(BigInt(span.startTimeUnixNano) <= BigInt(span.endTimeUnixNano) ? [] : [`${span.name} ends before it begins`]),
    ...(span.startTimeUnixNano.length === 19 ? [] : [`${span.name} begins at ${span.startTimeUnixNano} ns`]),
    ...(ids.size === spans.length ? [] : ['ids twice']),
  ]);
}

const isEvent = new Ajv2020({
  strict: false,
  allErrors: true,
  formats: {
    'date-time': /^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}(?:\.\d+)?(?:Z|[+-]\d{2}:\d{2})$/,
    uri: (text: string) => URL.canParse(text),
    uuid: /^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/,
  },
}).compile(JSON.parse(readFileSync(new URL('../support/schemas/open-lineage.json', import.meta.url), 'utf8')));

/** What OpenLineage's schema finds. */
function wrongEvent(event: unknown): readonly string[] {
  return isEvent(event) ? [] : (isEvent.errors ?? []).map(({ instancePath, message }) => `${instancePath} ${message}`);
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
    expect(wrongTraceRequest(request)).toEqual([]);
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

  it('that a collector takes in part are counted as that', async () => {
    const counted = (counter: { list(): readonly { readonly value: number }[] }) => counter.list()[0]?.value;
    receiver.answer({ status: 200, body: '{"partialSuccess": {"rejectedSpans": "1", "errorMessage": "too long"}}' });
    const telemetry = open('otlp');
    await runOf(pipelineOf({ a: {}, b: {} }));
    await emptied();
    await until('it is counted', () => counted(telemetry.figures.dropped) === 1);
    expect(counted(telemetry.figures.sent)).toBe(2);
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

it('a request that no receiver would take is told from one that they take', () => {
  const at = new Date('2026-01-31T02:00:00.123Z');
  const run: RunTrace = {
    runId: '11111111-2222-4333-8444-555555555555',
    pipeline: 'p "x"\n',
    status: 'failed',
    cause: {
      ...MANUAL,
      instant: at.toISOString(),
      traceparent: '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01',
    },
    createdAt: at,
    begunAt: at,
    finishedAt: null,
    gitCommit: 'abc',
    spec: pipelineOf({}),
    attempts: Array.from({ length: 1_200 }, (_, index) => ({
      task: `t[${index}]`,
      operator: 'command',
      attempt: 1,
      status: index % 2 === 0 ? ('timed_out' as const) : ('succeeded' as const),
      startedAt: at,
      endedAt: at,
      exitCode: 137,
      error: index % 2 === 0 ? 'x'.repeat(5_000) : null,
      node: 'n',
    })),
  };
  const requests = traceRequests(run, RESOURCE);
  expect(requests.map(({ items }) => items)).toEqual([500, 500, 201]);
  expect(requests.flatMap(({ body }) => wrongTraceRequest(body))).toEqual([]);
  const broken = (change: (span: Record<string, unknown>) => void): readonly string[] => {
    // biome-ignore lint/suspicious/noExplicitAny: likewise
    const body = structuredClone(requests[0]!.body) as any;
    change(body.resourceSpans[0].scopeSpans[0].spans[0]);
    return wrongTraceRequest(body);
  };
  for (const change of [
    { traceId: 'AAECAwQFBgcICQoLDA0ODw==' },
    { spanId: '0000000000000000' },
    { kind: 'SPAN_KIND_INTERNAL' },
    { startTimeUnixNano: 1 },
    { start_time_unix_nano: '1' },
    { attributes: [{ key: 'a', value: { stringValue: 'x', intValue: '1' } }] },
    { attributes: [{ key: 'a', value: { intValue: 1 } }] },
    { status: { code: 9 } },
  ])
    expect(
      broken((span) => Object.assign(span, change)),
      JSON.stringify(change),
    ).toHaveLength(1);
});

describe('lineage', () => {
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
      expect(wrongEvent(event)).toEqual([]);
    }
  });

  it('of a materialization names the columns that features come from', () => {
    const spec = {
      name: 'p',
      tasks: {
        m: { operator: 'feature_materialization', featureSets: ['labs'], needs: [] },
        q: { operator: 'sql_query', query: 'select 1', into: 'counts', needs: [] },
        b: { operator: 'batch_prediction', model: 'risk', source: 'patients', into: 'scores', needs: [] },
      },
    } as unknown as CanonicalPipeline;
    const at = new Date('2026-01-31T02:00:00Z');
    const run: RunTrace = {
      runId: '11111111-2222-4333-8444-555555555555',
      pipeline: 'p',
      status: 'failed',
      cause: { ...MANUAL, instant: at.toISOString() },
      createdAt: at,
      begunAt: at,
      finishedAt: at,
      gitCommit: null,
      spec,
      attempts: [
        {
          task: 'm',
          operator: 'feature_materialization',
          attempt: 1,
          status: 'failed',
          startedAt: at,
          endedAt: at,
          exitCode: null,
          error: 'disk full',
          node: 'n',
        },
      ],
    };
    // biome-ignore lint/suspicious/noExplicitAny: likewise
    const event = lineageEvent({ runId: run.runId, status: 'failed', at }, run, RESOURCE, CATALOG) as any;
    expect(event.eventType).toBe('FAIL');
    expect(event.inputs.map(({ name }: { name: string }) => name)).toEqual(['source.patients', 'source.visits']);
    expect(event.outputs.map(({ name }: { name: string }) => name)).toEqual([
      'feature_set.labs',
      'feature_set.counts',
      'feature_set.scores',
    ]);
    const [labs] = event.outputs;
    expect(labs.facets.schema.fields).toEqual([{ name: 'bili', type: 'float64' }, { name: 'any' }]);
    expect(labs.facets.columnLineage.fields).toEqual({
      bili: { inputFields: [{ namespace: 'mlops://p/dev', name: 'source.visits', field: 'bili' }] },
    });
    expect(event.run.facets.errorMessage.message).toBe('m: disk full');
    expect(event.run.facets.nominalTime.nominalStartTime).toBe('2026-01-31T02:00:00.000Z');
    expect(wrongEvent(event)).toEqual([]);
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
    attributes: {},
  });
  const endpoint = { OTEL_EXPORTER_OTLP_ENDPOINT: 'http://c:4318' };
  expect(otlpSettings(undefined, { ...endpoint, OTEL_TRACES_EXPORTER: 'none' })).toBeUndefined();
  expect(otlpSettings(undefined, { ...endpoint, OTEL_RESOURCE_ATTRIBUTES: 'service.name=a,team=b%20c' })).toMatchObject(
    { serviceName: 'a', attributes: { team: 'b c' } },
  );
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
