/** The HTTP interface of a live daemon over the healthcare project, as clients outside this repository use it. */
import { createHash, randomUUID } from 'node:crypto';
import { Ajv2020 } from 'ajv/dist/2020.js';
import { tableFromIPC } from 'apache-arrow';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { healthcareProject, type TestDaemon } from '../support/project.ts';

const project = healthcareProject();
let daemon: TestDaemon;
let runId: string;

interface Answer {
  readonly status: number;
  readonly type: string;
  // biome-ignore lint/suspicious/noExplicitAny: answers are looked into member by member
  readonly body: any;
  readonly headers: Headers;
}

async function call(
  method: string,
  path: string,
  body?: unknown,
  headers: Record<string, string> = {},
): Promise<Answer> {
  const answer = await fetch(`${daemon.url}${path}`, {
    method,
    headers: { 'content-type': 'application/x-www-form-urlencoded', ...headers },
    ...(body !== undefined && { body: typeof body === 'string' ? body : JSON.stringify(body) }),
  });
  const text = await answer.text();
  const type = answer.headers.get('content-type') ?? '';
  return {
    status: answer.status,
    type,
    body: type.includes('json') && text !== '' ? JSON.parse(text) : text,
    headers: answer.headers,
  };
}

beforeAll(async () => {
  const applied = await project.mlops(['apply', '--yes']);
  expect(applied.code, applied.stderr).toBe(0);
  daemon = await project.daemon();
  const started = await call('POST', '/api/v1/runs', { pipeline: 'weekly_retraining' });
  expect([started.status, started.body]).toEqual([
    202,
    { run_id: expect.any(String), status: 'queued', pipeline: 'weekly_retraining' },
  ]);
  runId = started.body.run_id;
}, 180_000);

afterAll(async () => {
  daemon?.kill('SIGTERM');
  await daemon?.ended;
  await project.remove();
}, 60_000);

describe('runs', () => {
  it('tell what happens as server-sent events until they end', { timeout: 120_000 }, async () => {
    const { status, type, body } = await call('GET', `/api/v1/runs/${runId}/events`);
    expect([status, type]).toEqual([200, 'text/event-stream']);
    const events = [...(body as string).matchAll(/id: (\d+)\nevent: (\w+)\ndata: (.*)\n\n/g)].map(([, id, , data]) => ({
      id: Number(id),
      ...JSON.parse(data ?? '{}'),
    }));
    expect(events.map(({ id }) => id)).toEqual(events.map((_, index) => index + 1));
    expect(events.at(-1)).toMatchObject({ task: null, status: 'succeeded' });
    const rest = await call('GET', `/api/v1/runs/${runId}/events`, undefined, {
      'last-event-id': String(events.length - 1),
    });
    expect((rest.body as string).match(/^id: /gm)).toHaveLength(1);
  });

  it('have the documented members', async () => {
    const { body } = await call('GET', `/api/v1/runs/${runId}`);
    expect(body).toMatchObject({
      run_id: runId,
      pipeline: 'weekly_retraining',
      status: 'succeeded',
      cause: { kind: 'api', who: 'http' },
      params: {},
      started_at: expect.stringMatching(/^\d{4}-.*Z$/),
      finished_at: expect.stringMatching(/^\d{4}-.*Z$/),
    });
    expect(body.tasks.map(({ name }: { name: string }) => name)).toEqual([
      'ingest',
      'validate',
      'materialize',
      'dataset',
      'train',
      'evaluate',
      'register',
      'promote',
    ]);
    expect(body.tasks[4]).toMatchObject({
      name: 'train',
      status: 'succeeded',
      attempt: 1,
      error: null,
      started_at: expect.any(String),
      finished_at: expect.any(String),
    });
  });

  it('give the log of a task as text', async () => {
    const { status, type, body } = await call('GET', `/api/v1/runs/${runId}/tasks/promote/logs?follow=true`);
    expect([status, type]).toEqual([200, 'text/plain; charset=utf-8']);
    expect(body).toContain('pbc_mortality version 1 is in production');
    expect(await call('GET', `/api/v1/runs/${runId}/tasks/nope/logs`)).toMatchObject({
      status: 404,
      body: { code: 'PL202' },
    });
  });

  it('are refused for what is not there, with a problem document', async () => {
    expect(await call('POST', '/api/v1/runs', { pipeline: 'weekly_retrainin' })).toMatchObject({
      status: 404,
      type: 'application/problem+json; charset=utf-8',
      body: { code: 'PL201', status: 404, hint: 'did you mean "weekly_retraining"?' },
    });
    expect(await call('POST', '/api/v1/runs', {})).toMatchObject({ status: 422, body: { code: 'API422' } });
    expect(await call('GET', `/api/v1/runs/${randomUUID()}`)).toMatchObject({ status: 404, body: { code: 'PL202' } });
    expect(await call('POST', `/api/v1/runs/${runId}/retry`)).toMatchObject({ status: 409, body: { code: 'PL204' } });
  });

  it('page', async () => {
    const more = await Promise.all(
      [1, 2].map(() => call('POST', '/api/v1/runs', { pipeline_id: 'weekly_retraining' })),
    );
    expect(more.map(({ status }) => status)).toEqual([202, 202]);
    const seen: string[] = [];
    let cursor = '';
    do {
      const { body } = await call(
        'GET',
        `/api/v1/runs?limit=1${cursor === '' ? '' : `&cursor=${encodeURIComponent(cursor)}`}`,
      );
      seen.push(...body.items.map((run: { run_id: string }) => run.run_id));
      cursor = body.next_cursor ?? '';
    } while (cursor !== '');
    expect(seen).toHaveLength(3);
    expect(new Set(seen).size).toBe(3);
    expect(seen.at(-1)).toBe(runId);
    expect(await call('GET', '/api/v1/runs?limit=0')).toMatchObject({ status: 400 });
  });

  it('start once under one idempotency key, also at once', async () => {
    const headers = { 'idempotency-key': randomUUID() };
    const first = await call('POST', '/api/v1/runs', { pipeline: 'weekly_retraining' }, headers);
    const second = await call('POST', '/api/v1/runs', { pipeline: 'weekly_retraining' }, headers);
    expect(second.body).toEqual(first.body);
    expect(await call('POST', '/api/v1/runs', { pipeline: 'weekly_retraining', params: {} }, headers)).toMatchObject({
      status: 422,
    });
    const racing = { 'idempotency-key': randomUUID() };
    const answers = await Promise.all(
      Array.from({ length: 8 }, () => call('POST', '/api/v1/runs', { pipeline: 'weekly_retraining' }, racing)),
    );
    const made = new Set(answers.filter(({ status }) => status === 202).map(({ body }) => body.run_id));
    expect(made.size).toBe(1);
    expect(answers.every(({ status }) => status === 202 || status === 409)).toBe(true);
  });

  it('are cancelled', async () => {
    const { body } = await call('POST', '/api/v1/runs', { pipeline: 'weekly_retraining' });
    const cancelled = await call('POST', `/api/v1/runs/${body.run_id}/cancel`);
    expect(cancelled.status).toBe(202);
    await call('GET', `/api/v1/runs/${body.run_id}/events`);
    const run = await call('GET', `/api/v1/runs/${body.run_id}`);
    expect(run.body).toMatchObject({ status: 'cancelled', cancelled_by: 'http' });
  });
});

describe('training data', () => {
  const spine = [
    { id: 5, event_time: '1977-12-26', ward: 'A' },
    { id: 99_999, event_time: '1977-12-26', ward: 'B' },
    { id: 5, event_time: '1977-12-26', ward: 'A' },
  ];

  it('answers every row of a spine as it was then, in its order', async () => {
    const { status, type, body } = await call('POST', '/api/v1/training-data', {
      spine,
      features: ['bili', 'patient_labs.bili_albumin', 'patient_labs@1.albumin'],
    });
    expect([status, type]).toEqual([200, 'application/json; charset=utf-8']);
    expect(body.rows).toHaveLength(3);
    const [first, unknown, again] = body.rows;
    expect(first).toEqual({
      ...spine[0],
      bili: expect.any(Number),
      bili_albumin: expect.any(Number),
      albumin: expect.any(Number),
    });
    expect(first.bili_albumin).toBeCloseTo(first.bili / first.albumin);
    expect(unknown).toMatchObject({ ward: 'B', bili: null, bili_albumin: null });
    expect(again).toEqual(first);
  });

  it('comes in the format that the client accepts', async () => {
    const ask = async (accept: string) => {
      const answer = await fetch(`${daemon.url}/api/v1/training-data`, {
        method: 'POST',
        headers: { accept },
        body: JSON.stringify({ spine, feature_service: 'mortality_inputs' }),
      });
      return { type: answer.headers.get('content-type'), bytes: Buffer.from(await answer.arrayBuffer()) };
    };
    const arrow = await ask('application/vnd.apache.arrow.stream');
    expect([arrow.type, tableFromIPC(arrow.bytes).numRows]).toEqual(['application/vnd.apache.arrow.stream', 3]);
    const parquet = await ask('text/html;q=0.1, application/vnd.apache.parquet');
    expect([parquet.type, parquet.bytes.subarray(0, 4).toString()]).toEqual(['application/vnd.apache.parquet', 'PAR1']);
    const csv = await ask('text/*;q=0.5, image/png');
    expect([csv.type, csv.bytes.toString().split('\n')[0]]).toEqual([
      'text/csv; charset=utf-8',
      'id,event_time,ward,bili,albumin,protime,platelet,bili_albumin,bili_change_365d',
    ]);
    const lines = await ask('application/x-ndjson');
    expect([lines.type, lines.bytes.toString().trim().split('\n').length]).toEqual(['application/x-ndjson', 3]);
    const none = await call('POST', '/api/v1/training-data', { spine, features: ['bili'] }, { accept: 'image/png' });
    expect([none.status, none.body.code]).toEqual([406, 'FS208']);
  });

  it('takes a query over sources, or the rows of one set from a start to before an end', async () => {
    const byQuery = await call('POST', '/api/v1/training-data', {
      spine: 'select id, event_time from visits where id = 5 order by event_time',
      feature_set: 'patient_trend',
    });
    expect(Object.keys(byQuery.body.rows[0])).toEqual(['id', 'event_time', 'visits_365d', 'bili_change_365d']);
    const range = { start: '1988-01-01T00:00:00Z', end: '1988-02-09T00:00:00Z' };
    const { body } = await call('POST', '/api/v1/training-data', { features: ['patient_labs.bili'], ...range });
    const times = body.rows.map((row: { event_time: string }) => row.event_time);
    expect(times.length).toBeGreaterThan(0);
    expect(times).toEqual([...times].sort());
    expect([times[0] >= '1988-01-01', times.at(-1) < '1988-02-09']).toEqual([true, true]);
  });

  it('says what is wrong with what was asked', async () => {
    const ask = async (body: unknown) => {
      const answer = await call('POST', '/api/v1/training-data', body);
      return [answer.status, answer.body.code];
    };
    expect(await ask({ spine })).toEqual([422, 'API422']);
    expect(await ask({ spine, start: '2020-01-01', features: ['bili'] })).toEqual([422, 'API422']);
    expect(await ask({ start: 'yesterday', features: ['bili'] })).toEqual([422, 'API422']);
    expect(await ask({ spine: [{ id: 5 }], features: ['patient_labs.bili'] })).toEqual([422, 'FS205']);
    expect(await ask({ spine: [{ id: 'x', event_time: '2020-01-01' }], features: ['bili'] })).toEqual([422, 'FS205']);
    expect(await ask({ features: ['patient_labs.bili', 'patient_trend.visits_365d'] })).toEqual([422, 'FS205']);
    expect(await ask({ spine, feature_set: 'patient_lab' })).toEqual([404, 'FS201']);
    expect(await ask({ spine, features: ['patient_labs@7.bili'] })).toEqual([404, 'FS201']);
    expect(await ask({ spine: 'drop table visits', features: ['patient_labs.bili'] })).toEqual([422, 'SP201']);
  });
});

describe('models', () => {
  it('are registered, each next one as the next version', async () => {
    const registration = {
      name: 'churn',
      framework: 'xgboost',
      metrics: { auc: 0.91 },
      hyperparameters: { depth: 6 },
      artifacts: ['s3://models/churn.bin', 'notes/model.txt'],
      tags: { team: 'growth' },
    };
    const first = await call('POST', '/api/v1/models', registration);
    expect(first).toMatchObject({
      status: 201,
      body: { name: 'churn', version: 1, stage: 'development', metrics: { auc: 0.91 } },
    });
    const second = await call('POST', '/api/v1/models', { ...registration, metrics: { auc: 0.95 } });
    expect(second.body).toMatchObject({ version: 2 });
    const versions = await call('GET', '/api/v1/models/churn/versions');
    expect(versions.body).toMatchObject({ items: [{ version: 2 }, { version: 1 }], next_cursor: null });
  });

  it('have a whole signature where they have one', async () => {
    const register = (signature: unknown) =>
      call('POST', '/api/v1/models', { name: 'signed', framework: 'onnx', signature });
    expect((await register({ features: ['a.b'] })).body.signature).toEqual({
      features: ['a.b'],
      inputs: [],
      outputs: [],
      label: null,
      task: 'other',
    });
    expect(await register({ inputs: 5 })).toMatchObject({
      status: 422,
      body: { errors: [{ pointer: '/signature/inputs' }] },
    });
    expect((await register(null)).body.signature).toBeNull();
  });

  it('are found by a filter', async () => {
    const find = async (filter: string) =>
      (await call('GET', `/api/v1/models?filter=${encodeURIComponent(filter)}`)).body;
    expect(
      (await find("name = 'churn' and metrics.auc > 0.92")).items.map(({ version }: { version: number }) => version),
    ).toEqual([2]);
    expect((await find("tags.team = 'growth' and stage = 'production'")).items).toEqual([]);
    expect(await find("name ~ 'x'")).toMatchObject({ code: 'API400', status: 400 });
  });

  it('take artifacts as streams and give them back with their checksum', async () => {
    const { body } = await call('GET', '/api/v1/models?name=churn&limit=1');
    const { id } = body.items[0];
    const content = Buffer.alloc(3_000_000, 'model');
    const digest = createHash('sha256').update(content).digest('hex');
    const put = await fetch(`${daemon.url}/api/v1/models/${id}/artifacts/notes/model.txt`, {
      method: 'PUT',
      body: content,
    });
    expect([put.status, await put.json()]).toEqual([
      201,
      { path: 'notes/model.txt', digest, bytes: content.length, uri: null },
    ]);
    const got = await fetch(`${daemon.url}/api/v1/models/${id}/artifacts/notes/model.txt`);
    expect(Buffer.from(await got.arrayBuffer()).equals(content)).toBe(true);
    expect(got.headers.get('x-checksum-sha256')).toBe(digest);
    const other = await fetch(`${daemon.url}/api/v1/models/${id}/artifacts/notes/model.txt`, {
      method: 'PUT',
      body: 'other',
    });
    expect([other.status, ((await other.json()) as { code: string }).code]).toEqual([409, 'API409']);
    const wrong = await fetch(`${daemon.url}/api/v1/models/${id}/artifacts/x`, {
      method: 'PUT',
      body: 'x',
      headers: { 'x-checksum-sha256': digest },
    });
    expect([wrong.status, ((await wrong.json()) as { code: string }).code]).toEqual([422, 'ST105']);
    const outside = await fetch(`${daemon.url}/api/v1/models/${id}/artifacts/..%2F..%2Fetc%2Fpasswd`);
    expect(outside.status).toBe(422);
  });

  it('enter production through their gates, or are told which one failed', async () => {
    const weak = await call('POST', '/api/v1/models', {
      name: 'pbc_mortality',
      framework: 'onnx',
      metrics: { auc: 0.5 },
    });
    const refused = await call('PUT', `/api/v1/models/${weak.body.id}/stage`, { stage: 'production', reason: 'try' });
    expect(refused).toMatchObject({
      status: 409,
      type: 'application/problem+json; charset=utf-8',
      body: { code: 'MD202' },
    });
    expect(
      refused.body.gates
        .filter(({ passed }: { passed: boolean }) => !passed)
        .map(({ metric }: { metric: string }) => metric),
    ).toContain('auc');
    const { body } = await call('GET', '/api/v1/models?name=churn&limit=1');
    const moved = await call('PUT', `/api/v1/models/${body.items[0].id}/stage`, {
      stage: 'production',
      reason: 'good',
    });
    expect(moved).toMatchObject({ status: 200, body: { stage: 'production', name: 'churn' } });
    const history = await call('GET', '/api/v1/models/churn/history');
    expect(history.body.items[0]).toMatchObject({
      version: 2,
      from: 'development',
      to: 'production',
      who: 'http',
      reason: 'good',
    });
    const at = await call('GET', `/api/v1/models/churn/history?at=${encodeURIComponent(history.body.items[0].at)}`);
    expect(at.body.production).toMatchObject({ version: 2 });
    const before = await call('GET', '/api/v1/models/churn/history?at=2001-01-01T00:00:00Z');
    expect(before.body.production).toBeNull();
    expect(await call('GET', '/api/v1/models/nope/history')).toMatchObject({ status: 404, body: { code: 'MD201' } });
    expect(await call('GET', `/api/v1/models/${randomUUID()}`)).toMatchObject({ status: 404, body: { code: 'MD201' } });
    expect(await call('GET', '/api/v1/models/churn')).toMatchObject({
      body: { name: 'churn', latest_version: 2, production: { version: 2 }, staging: null },
    });
  });
});

describe('features', () => {
  it('are listed with their versions', async () => {
    const { body } = await call('GET', '/api/v1/feature-sets');
    expect(body.items.map(({ name }: { name: string }) => name)).toEqual(['patient_labs', 'patient_trend']);
    expect(body.items[0]).toMatchObject({
      serving_version: 1,
      versions: [{ version: 1, rows: 1945, status: 'serving' }],
    });
  });

  it('are read by bare name, by set and by service, with a status each', async () => {
    const read = await call('POST', '/api/v1/online-features', {
      entities: [{ id: 7 }, { id: 424242 }],
      features: ['bili', 'patient_labs.albumin'],
    });
    expect(read.status).toBe(200);
    expect(read.body.rows[0]).toMatchObject({
      entity: { id: 7 },
      features: { bili: null },
      status: { bili: 'expired', 'patient_labs.albumin': 'expired' },
    });
    expect(read.body.rows[1].status).toEqual({ bili: 'not_found', 'patient_labs.albumin': 'not_found' });
    const service = await call('POST', '/api/v1/online-features', {
      entities: { id: 7 },
      feature_service: 'mortality_inputs',
    });
    expect(Object.keys(service.body.rows[0].features)).toHaveLength(6);
    expect(await call('POST', '/api/v1/online-features', { entities: { id: 7 }, features: ['billi'] })).toMatchObject({
      status: 404,
      body: { code: 'FS201', hint: 'did you mean "bili"?' },
    });
    expect(
      await call('POST', '/api/v1/online-features', { entities: { id: 7 }, features: ['patient_labs.constructor'] }),
    ).toMatchObject({ status: 404, body: { code: 'FS201' } });
    expect(await call('POST', '/api/v1/online-features', { entities: { id: 'x' }, features: ['bili'] })).toMatchObject({
      body: { code: 'FS202' },
    });
  });

  it('are updated, and an older update never wins', async () => {
    const put = (body: unknown) => call('PUT', '/api/v1/online-features', body);
    const now = new Date();
    const older = new Date(now.getTime() - 60_000).toISOString();
    const update = { feature_set: 'patient_labs', entity_id: 7, features: { bili: 2.5, albumin: 3 } };
    expect((await put({ ...update, event_time: now.toISOString() })).status).toBe(204);
    expect((await put({ entities: { id: 7 }, features: { 'patient_labs.bili': 99 }, event_time: older })).status).toBe(
      204,
    );
    const { body } = await call('POST', '/api/v1/online-features', {
      entities: { id: 7 },
      features: ['bili', 'bili_albumin'],
    });
    expect(body.rows[0]).toMatchObject({
      features: { bili: 2.5, bili_albumin: 2.5 / 3 },
      status: { bili: 'present', bili_albumin: 'present' },
    });
    for (const features of [{ 'patient_trend.bili': 1 }, { bili: 1, 'patient_labs.bili': 2 }])
      expect(await put({ feature_set: 'patient_labs', entity_id: 7, features })).toMatchObject({
        status: 422,
        body: { code: 'API422' },
      });
    expect(await put({ feature_set: 'patient_labs', entity_id: 7, features: { nope: 1 } })).toMatchObject({
      status: 422,
      body: { code: 'FS201' },
    });
  });
});

describe('reads of features past the framework', () => {
  const path = '/api/v1/online-features';
  /** With a query, which no route here takes, the request goes through the framework. */
  const both = async (body: string, headers: Record<string, string> = {}) => {
    const [lean, plain] = await Promise.all([
      call('POST', path, body, headers),
      call('POST', `${path}?through=framework`, body, headers),
    ]);
    const what = ({ status, type, body: told }: Answer) => ({ status, type, body: told });
    expect(what(lean), body).toEqual(what(plain));
    return lean;
  };

  it('are answered and refused as through it', async () => {
    const names = [
      'bili',
      'patient_labs.bili',
      'patient_labs.bili_albumin',
      'patient_trend.visits_365d',
      'patient_labs@1.albumin',
    ];
    const statuses = new Set<number>();
    const entity = fc.oneof(
      fc.record({
        id: fc.oneof(fc.integer({ min: 1, max: 400 }), fc.constantFrom('7', 'x', null, 1.5, 70_001, '\u0000', 2 ** 60)),
      }),
      fc.constantFrom({}, { person: 1 }, { id: 7, ward: 'ä"' }),
    );
    const features = fc.array(
      fc.oneof(
        { weight: 8, arbitrary: fc.constantFrom(...names) },
        fc.constantFrom('nope', 'patient_labs.nope', '', 'a b.c'),
      ),
      {
        maxLength: 5,
      },
    );
    const bodies = fc.record(
      {
        features: fc.oneof({ weight: 9, arbitrary: features }, fc.constantFrom(null, 'bili', [1])),
        entities: fc.oneof(entity, fc.array(entity, { maxLength: 3 }), fc.constantFrom(null, 7)),
        feature_service: fc.constantFrom('mortality_inputs', 'nothing'),
        other: fc.constant(1),
      },
      { requiredKeys: [] },
    );
    const seed = 20_261_126;
    for (const body of fc.sample(bodies, { seed, numRuns: 150 })) {
      const { other, feature_service, ...common } = body;
      const rare =
        fc.sample(fc.integer({ min: 0, max: 7 }), { seed: JSON.stringify(body).length, numRuns: 1 })[0] === 0;
      const asked = rare
        ? body
        : feature_service !== undefined && common.features === undefined
          ? { ...common, feature_service }
          : common;
      statuses.add((await both(JSON.stringify(asked))).status);
      const { features: _, ...rest } = asked;
      await both(JSON.stringify({ features: asked.features, ...rest }, null, 1));
    }
    for (const text of [
      '{',
      'null',
      '[]',
      '{"entities":{"id":7},"features":["bili"]',
      '{"entities":{"id":7},,"features":["bili"]}',
      ' ',
    ])
      statuses.add((await both(text)).status);
    expect([...statuses].sort()).toEqual([200, 400, 404, 422]);
  });

  it('are counted as the others, and turned away where they come from a stranger', async () => {
    const asked = JSON.stringify({ entities: { id: 7 }, features: ['patient_labs.bili'] });
    const counted = async () => {
      const { body } = await call('GET', '/metrics');
      const [, count] =
        /mlops_http_requests_total\{method="POST",route="\/api\/v1\/online-features",status="200"\} (\d+)/.exec(body) ??
        [];
      return Number(count);
    };
    const before = await counted();
    await both(asked);
    expect(await counted()).toBe(before + 2);
    expect((await both(asked, { origin: 'https://example.org' })).status).toBe(403);
    expect((await call('POST', path, asked, { 'idempotency-key': randomUUID() })).status).toBe(200);
  });
});

describe('rows of a feature set', () => {
  const rows = (count: number) =>
    Array.from({ length: count }, (_, index) => ({
      id: 70_000 + index,
      event_time: '2024-11-01',
      bili: index,
      albumin: 1,
    }));
  const push = (body: unknown, headers: Record<string, string> = {}) =>
    call('POST', '/api/v1/feature-sets/patient_labs/rows', body, headers);
  const bili = async (id: number) => {
    const { body } = await call('POST', '/api/v1/online-features', {
      entities: { id },
      features: ['patient_labs@1.bili'],
    });
    return body.rows[0].event_time['patient_labs@1.bili'];
  };

  it('are pushed by the thousand, once under one idempotency key', async () => {
    const headers = { 'idempotency-key': randomUUID() };
    const first = await push({ rows: rows(3_000) }, headers);
    expect(first).toMatchObject({
      status: 200,
      body: { feature_set: 'patient_labs', rows: 3_000, applied: 3_000, to: 'online_and_offline' },
    });
    expect((await push({ rows: rows(3_000) }, headers)).body).toEqual(first.body);
    expect(await bili(72_999)).toBe('2024-11-01T00:00:00.000000Z');
  });

  it('are all refused where one is, each that is wrong by its place', async () => {
    const wrong = rows(1_000).map((row) => ({ ...row, id: row.id + 5_000 }));
    const answer = await push({ rows: [...wrong, { id: 1, bilirubin: 3 }, { id: 2, bili: 'x' }] });
    expect(answer).toMatchObject({
      status: 422,
      body: {
        code: 'FS201',
        refused: 2,
        rows: [
          { row: 1_000, code: 'FS201' },
          { row: 1_001, code: 'API422' },
        ],
      },
    });
    expect(await bili(75_000)).toBeNull();
    expect(await push({ rows: [{ id: 75_001, bilirubin: 3, bili: 3 }], ignore_extra: true })).toMatchObject({
      status: 200,
    });
    expect(await call('POST', '/api/v1/feature-sets/patient_lab/rows', { rows: rows(1) })).toMatchObject({
      status: 404,
    });
    expect(await push({ rows: [], to: 'nowhere' })).toMatchObject({ status: 422, body: { errors: [{}, {}] } });
  });

  it('go where they are sent to', async () => {
    expect((await push({ rows: [{ id: 76_000, bili: 1 }], to: 'offline' })).body).toMatchObject({ applied: 0 });
    expect(await bili(76_000)).toBeNull();
    const update = { feature_set: 'patient_labs', entity_id: 76_001, features: { bili: 1 } };
    expect((await call('PUT', '/api/v1/online-features', { ...update, to: 'offline' })).status).toBe(204);
    expect(await bili(76_001)).toBeNull();
    expect((await call('PUT', '/api/v1/online-features', { ...update, to: 'online' })).status).toBe(204);
    expect(await bili(76_001)).not.toBeNull();
  });
});

describe('predictions', () => {
  it('are made from features read online, and logged', async () => {
    await call('PUT', '/api/v1/online-features', {
      feature_set: 'patient_labs',
      entity_id: 8,
      features: { bili: 12, albumin: 2, protime: 14, platelet: 90 },
    });
    await call('PUT', '/api/v1/online-features', {
      feature_set: 'patient_trend',
      entity_id: 8,
      features: { visits_365d: 3, bili_change_365d: 6 },
    });
    const answer = await call('POST', '/api/v1/endpoints/mortality/predict', {
      entities: { id: 8 },
      context: { ward: 'a' },
    });
    expect(answer).toMatchObject({
      status: 200,
      body: {
        model: { name: 'pbc_mortality', version: expect.any(Number) },
        variant: 'control',
        request_id: expect.any(String),
      },
    });
    expect(answer.body.predictions[0].probability).toBeGreaterThan(0.5);
    let logged = await call('GET', `/api/v1/endpoints/mortality/predictions?request_id=${answer.body.request_id}`);
    for (let tries = 0; logged.body.items.length === 0 && tries < 100; tries += 1) {
      logged = await call('GET', `/api/v1/endpoints/mortality/predictions?request_id=${answer.body.request_id}`);
    }
    expect(logged.body.items[0]).toMatchObject({
      entity: { id: 8 },
      variant: 'control',
      prediction: answer.body.predictions[0],
    });
    const endpoint = await call('GET', '/api/v1/endpoints/mortality');
    expect(endpoint.body.variants).toMatchObject([
      { variant: 'control', share: 90, version: expect.any(Number), failure: null },
      { variant: 'treatment' },
    ]);
  });

  it('and every other read count for who read: by endpoint, over HTTP, for training and for history', async () => {
    await call('POST', '/api/v1/online-features', { entities: { id: 7 }, features: ['patient_labs.bili_albumin'] });
    await call('POST', '/api/v1/training-data', { spine: [{ id: 7, event_time: '1980-01-01' }], features: ['bili'] });
    await call('POST', '/api/v1/endpoints/mortality/predict', { entities: { id: 8 } });
    const { body } = await call('GET', '/api/v1/features?limit=100');
    const bili = body.items.find(({ name }: { name: string }) => name === 'patient_labs.bili');
    expect(bili.use.map(({ reader }: { reader: string }) => reader).sort()).toEqual([
      'endpoint:mortality',
      'history:http',
      'http',
      'training:mortality_inputs',
    ]);
  });

  it('name the feature that is missing', async () => {
    const answer = await call('POST', '/api/v1/endpoints/mortality/predict', { entities: [{ id: 555555 }] });
    expect(answer).toMatchObject({ status: 422, body: { code: 'EP203' } });
    expect(answer.body.detail).toContain('patient_labs.bili');
    expect(await call('POST', '/api/v1/endpoints/mortalty/predict', { entities: [{ id: 8 }] })).toMatchObject({
      status: 404,
      body: { code: 'EP201' },
    });
  });
});

describe('resources made here', () => {
  it('are recorded as managed by the interface, run, and left alone by plan', { timeout: 120_000 }, async () => {
    const spec = { name: 'hello', tasks: [{ name: 'say', operator: 'command', command: 'echo hello from a task' }] };
    const made = await call('POST', '/api/v1/pipelines', spec);
    expect(made).toMatchObject({ status: 201, body: { pipeline_id: 'hello', managed_by: 'api' } });
    const { body } = await call('POST', '/api/v1/runs', { pipeline_id: made.body.pipeline_id });
    await call('GET', `/api/v1/runs/${body.run_id}/events`);
    expect((await call('GET', `/api/v1/runs/${body.run_id}/tasks/say/logs`)).body).toContain('hello from a task');
    const plan = await project.mlops(['plan', '--json', '--detailed-exitcode']);
    expect(plan.code, plan.stdout + plan.stderr).toBe(0);
    const unmanaged = (JSON.parse(plan.stdout).unmanaged as { address: string }[]).map(({ address }) => address);
    // Models that were registered without being declared are among them.
    expect(unmanaged).toEqual(expect.arrayContaining(['model.churn', 'pipeline.hello']));
    expect(await call('POST', '/api/v1/pipelines', { ...spec, name: 'weekly_retraining' })).toMatchObject({
      status: 409,
      body: { code: 'API409' },
    });
  });

  it('are refused where pipelines would start each other without end', async () => {
    const run = (name: string, pipeline: string) =>
      call('POST', '/api/v1/pipelines', { name, tasks: { t: { operator: 'run_pipeline', pipeline } } });
    const say = { say: { operator: 'command', command: 'true' } };
    expect(await call('POST', '/api/v1/pipelines', { name: 'ping', tasks: say })).toMatchObject({ status: 201 });
    expect(await run('pong', 'ping')).toMatchObject({ status: 201 });
    expect(await run('ping', 'pong')).toMatchObject({
      status: 422,
      body: { code: 'PL120', detail: expect.stringContaining('ping → pong → ping') },
    });
    const tasks = { t: { operator: 'run_pipeline', pipeline: 'ping' } };
    expect(
      await call('POST', '/api/v1/pipelines', { name: 'pong', tasks, triggers: [{ pipeline: 'ping' }] }),
    ).toMatchObject({ status: 422, body: { code: 'PL120', detail: expect.stringContaining('ping → pong → ping') } });
  });

  it('are refused with a pointer for each mistake', async () => {
    const answer = await call('POST', '/api/v1/pipelines', {
      name: 'bad',
      tasks: { one: { operator: 'data_ingestion', source: 'vists' }, two: { operator: 'comand' } },
    });
    expect(answer).toMatchObject({ status: 422, body: { code: 'API422' } });
    expect(answer.body.errors.map(({ pointer }: { pointer: string }) => pointer)).toContain('/tasks/two/operator');
  });

  it('hold feature sets too', async () => {
    const answer = await call('POST', '/api/v1/feature-sets', {
      name: 'copies',
      entity: 'patient',
      source: 'visits',
      event_time: 'event_time',
      features: { copper: 'float64' },
    });
    expect(answer).toMatchObject({
      status: 201,
      body: { name: 'copies', versions: [{ version: 1, status: 'registered' }] },
    });
    const shown = await project.mlops(['state', 'show', 'feature_set.copies', '--json']);
    const { lineage } = JSON.parse(shown.stdout).outputs;
    expect(lineage.copper).toContain('visits.copper');
    expect(lineage.copper).not.toContain('visits.bili');
  });

  it('take feature sets by name and features alone, filled by push and served at once', async () => {
    const made = await call('POST', '/api/v1/feature-sets', {
      name: 'shoppers',
      features: ['segment', { name: 'age', dtype: 'int64' }],
    });
    expect(made).toMatchObject({
      status: 201,
      body: {
        entity: 'untyped',
        keys: { entity_id: 'string' },
        serving_version: 1,
        features: { segment: { dtype: 'json' }, age: { dtype: 'int64' } },
      },
    });
    const read = async (entity_id: unknown) => {
      const answer = await call('POST', '/api/v1/online-features', {
        entities: { entity_id },
        features: ['age', 'shoppers.segment'],
      });
      return answer.body.rows[0];
    };
    expect((await read('u1')).status).toEqual({ age: 'not_found', 'shoppers.segment': 'not_found' });
    const pushed = { feature_set: 'shoppers', features: { age: 34, segment: ['a', 1] } };
    for (const entity_id of ['u1', 42])
      expect((await call('PUT', '/api/v1/online-features', { ...pushed, entity_id })).status).toBe(204);
    for (const entity_id of ['u1', 42, '42'])
      expect(await read(entity_id)).toMatchObject({
        entity: { entity_id },
        features: { age: 34, 'shoppers.segment': ['a', 1] },
      });
    expect(
      await call('PUT', '/api/v1/online-features', {
        entity_id: 'u1',
        features: { 'shoppers.age': 1, 'copies.copper': 2 },
      }),
    ).toMatchObject({ status: 422, body: { code: 'API422' } });
    const materialized = await project.mlops(['features', 'materialize', 'shoppers', '--json']);
    expect(materialized.code, materialized.stderr).toBe(0);
    expect(await read('u1')).toMatchObject({ features: { age: 34 } });
  });
});

describe('the interface itself', () => {
  it('describes the bodies that are specs by the schemas of the specs', async () => {
    const { body } = await call('GET', '/openapi.json');
    const bodies = ['pipelines', 'feature-sets'].map(
      (noun) => body.paths[`/api/v1/${noun}`].post.requestBody.content['application/json'].schema,
    );
    expect(bodies).toEqual([{ $ref: '#/components/schemas/pipeline' }, { $ref: '#/components/schemas/feature_set' }]);
  });

  it('tells that it lives and that it is ready', async () => {
    expect(await call('GET', '/healthz')).toMatchObject({
      status: 200,
      body: { status: 'ok', project: 'healthcare', environment: 'dev' },
    });
    expect(await call('GET', '/readyz')).toMatchObject({
      status: 200,
      body: { status: 'ready', checks: { control_store: null } },
    });
    const metrics = await call('GET', '/metrics');
    expect(metrics.type).toContain('text/plain');
    expect(metrics.body).toMatch(/^mlops_http_requests_total\{method="GET",route="\/healthz",status="200"\} \d+$/m);
  });

  it('describes itself as OpenAPI 3.1 whose references all resolve and whose schemas compile', async () => {
    const { body } = await call('GET', '/openapi.json');
    expect(body.openapi).toBe('3.1.0');
    const operations = Object.entries<
      Record<string, { operationId: string; parameters?: { in: string; name: string }[] }>
    >(body.paths).flatMap(([path, methods]) => Object.values(methods).map((operation) => ({ path, ...operation })));
    expect(new Set(operations.map(({ operationId }) => operationId)).size).toBe(operations.length);
    for (const { path, parameters = [] } of operations) {
      const inPath = [...path.matchAll(/\{(\w+)\}/g)].map(([, name]) => name);
      expect(parameters.filter((parameter) => parameter.in === 'path').map(({ name }) => name)).toEqual(inPath);
    }
    for (const [, ref] of JSON.stringify(body).matchAll(/"\$ref":"([^"]+)"/g)) {
      const found = ref
        ?.split('/')
        .slice(1)
        .reduce((at, segment) => at?.[segment], body);
      expect(found, ref).toBeDefined();
    }
    const ajv = new Ajv2020({ strict: false, validateFormats: false });
    ajv.addSchema({ ...body, $id: 'openapi' });
    for (const name of Object.keys(body.components.schemas))
      expect(() => ajv.compile({ $ref: `openapi#/components/schemas/${name}` }), name).not.toThrow();
    for (const [method, path] of [
      ['post', '/api/v1/models'],
      ['put', '/api/v1/models/{id}/stage'],
      ['get', '/api/v1/models/{name}/history'],
      ['put', '/api/v1/models/{id}/artifacts/{path}'],
      ['post', '/api/v1/pipelines'],
      ['get', '/api/v1/runs/{id}/tasks/{task}/logs'],
      ['put', '/api/v1/online-features'],
      ['post', '/api/v1/endpoints/{name}/predict'],
    ] as const) {
      expect(body.paths[path]?.[method], `${method} ${path}`).toBeDefined();
    }
  });
});
