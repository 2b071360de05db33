/**
 * Feast's own client from PyPI, unchanged but for the URL, reads and writes features of a daemon; and the daemon answers the
 * requests of Feast's wire format as Feast's own feature server does, over the same rows.
 */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type FeastClient, type FeastServer, feastClient, feastServer, withFeast } from '../support/feast.ts';
import { emptyProject, type TestDaemon } from '../support/project.ts';

const KEY = 'a key of the tests, sent as a bearer token'.replaceAll(' ', '-');
const project = emptyProject('feast');
let daemon: TestDaemon;
let client: FeastClient;
let server: FeastServer;

const CONFIG = `
project: feast
environments:
  dev: { daemon: { apiKeys: { ci: '\${env:FEAST_TEST_KEY}' } } }
resources:
  - { kind: Entity, name: driver, keys: { driver_id: int64 } }
  - { kind: Entity, name: driver_and_shop, keys: { driver_id: int64, shop: string } }
  - kind: Source
    name: trips_file
    file: trips.csv
  - kind: FeatureSet
    name: driver_stats
    entity: driver
    push: true
    eventTime: event_timestamp
    ttl: 30d
    features:
      trips: int64
      rating: float64
      city: string
      active: bool
      scores: array<float64>
      tags: array<string>
      photo: bytes
      joined: timestamp
  - { kind: FeatureSet, name: shifts, entity: driver_and_shop, push: true, eventTime: seen_at, ttl: 30d, features: { trips: int64 } }
  - { kind: FeatureSet, name: from_file, entity: driver, source: trips_file, eventTime: at, features: { total: int64 } }
  - { kind: FeatureService, name: driver_inputs, features: [driver_stats.trips, driver_stats.rating] }
`;

const ago = (days: number, micros = '000000'): string =>
  new Date(Date.now() - days * 86_400_000).toISOString().replace(/\.\d{3}Z$/, `.${micros}Z`);
const FRESH = ago(1, '120000');
const STALE = ago(60);
const BIG = '9007199254740993';

async function call(url: string, path: string, body: string | object, key = KEY) {
  const answer = await fetch(`${url}${path}`, {
    method: 'POST',
    // Feast's server closes a connection after an error of its own: each request has its own.
    headers: { authorization: `Bearer ${key}`, 'content-type': 'application/json', connection: 'close' },
    body: typeof body === 'string' ? body : JSON.stringify(body),
  });
  const text = await answer.text();
  return { status: answer.status, text, body: text === '' ? '' : JSON.parse(text) };
}
const ours = (path: string, body: string | object) => call(daemon.url, path, body);
const theirs = (path: string, body: string | object) => call(server.url, path, body);

beforeAll(async () => {
  writeFileSync(join(project.folder, 'mlops.config.yaml'), CONFIG);
  writeFileSync(join(project.folder, 'trips.csv'), 'driver_id,at,total\n1,2024-01-01,10\n2,2024-01-01,20\n');
  const env = { FEAST_TEST_KEY: KEY };
  const applied = await project.mlops(['apply', '--yes'], { env });
  expect(applied.code, applied.stderr).toBe(0);
  daemon = await project.daemon([], { env });
  if (!withFeast) return;
  [client, server] = await Promise.all([
    feastClient(daemon.url, join(project.folder, 'client'), KEY),
    feastServer(join(project.folder, 'server')),
  ]);
}, 180_000);

afterAll(async () => {
  await client?.stop();
  await server?.stop();
  daemon?.kill('SIGTERM');
  await daemon?.ended;
  await project.remove();
}, 60_000);

const ROWS = {
  driver_id: [1, 2, 3],
  event_timestamp: [FRESH, FRESH, STALE],
  trips: [11, null, 33],
  rating: [4.5, 5, 1],
  city: ['Oslo', 'a "quoted" ж', 'Rome'],
  active: [true, false, true],
  scores: [[0.5, 1], [2.25], [3]],
  tags: [['a', 'b'], ['c'], ['d']],
  photo: [null, null, null],
  joined: ['2020-01-02T03:04:05Z', '2021-01-01T00:00:00Z', '2022-01-01T00:00:00Z'],
};
const FEATURES = ['trips', 'rating', 'city', 'active', 'scores', 'tags', 'joined'].map(
  (name) => `driver_stats:${name}`,
);

describe.runIf(withFeast)("Feast's client", () => {
  it('writes to the online store and reads back each type, with what it does not find', async () => {
    await client.call('write', 'driver_stats', ROWS);
    const read = await client.call('get', FEATURES, [
      { driver_id: 1 },
      { driver_id: 2 },
      { driver_id: 3 },
      { driver_id: 4 },
    ]);
    expect(read).toEqual({
      values: {
        driver_id: [1, 2, 3, 4],
        trips: [11, null, null, null],
        rating: [4.5, 5, null, null],
        city: ['Oslo', 'a "quoted" ж', null, null],
        active: [true, false, null, null],
        scores: [[0.5, 1], [2.25], null, null],
        tags: [['a', 'b'], ['c'], null, null],
        joined: [1_577_934_245, 1_609_459_200, null, null],
      },
      statuses: {
        driver_id: ['PRESENT', 'PRESENT', 'PRESENT', 'PRESENT'],
        trips: ['PRESENT', 'NULL_VALUE', 'OUTSIDE_MAX_AGE', 'NOT_FOUND'],
        ...Object.fromEntries(
          ['rating', 'city', 'active', 'scores', 'tags', 'joined'].map((name) => [
            name,
            ['PRESENT', 'PRESENT', 'OUTSIDE_MAX_AGE', 'NOT_FOUND'],
          ]),
        ),
      },
    });
  });

  it('reads under full names, a feature service, and a key of two columns', async () => {
    await client.call('push', 'shifts', {
      driver_id: [1, 1],
      shop: ['a', 'b'],
      trips: [5, 6],
      event_timestamp: [FRESH, FRESH],
    });
    const both = await client.call(
      'get',
      ['driver_stats:trips', 'shifts:trips'],
      [
        { driver_id: 1, shop: 'a' },
        { driver_id: 1, shop: 'c' },
      ],
      true,
    );
    expect(both).toMatchObject({
      values: { driver_id: [1, 1], shop: ['a', 'c'], driver_stats__trips: [11, 11], shifts__trips: [5, null] },
      statuses: { shifts__trips: ['PRESENT', 'NOT_FOUND'] },
    });
    expect(await client.call('get', 'driver_inputs', [{ driver_id: 1 }])).toMatchObject({
      values: { driver_id: [1], trips: [11], rating: [4.5] },
    });
  });

  it('pushes online: an older row never wins over a newer one', async () => {
    const row = (at: string, trips: number) => ({
      ...firstOf(ROWS),
      driver_id: [50],
      trips: [trips],
      event_timestamp: [at],
    });
    await client.call('push', 'driver_stats', row(ago(2), 2));
    await client.call('push', 'driver_stats', row(ago(3), 3));
    expect(await client.call('get', ['driver_stats:trips'], [{ driver_id: 50 }])).toMatchObject({
      values: { trips: [2] },
    });
  });

  it('raises its own exceptions', async () => {
    const get = (...args: readonly unknown[]) => client.call('get', ...args);
    await expect(get(['driver_stat:trips'], [{ driver_id: 1 }])).rejects.toThrow(
      /FeatureViewNotFoundException: Feature view driver_stat does not exist/,
    );
    await expect(get(['driver_stats:trips', 'shifts:trips'], [{ driver_id: 1, shop: 'a' }])).rejects.toThrow(
      /FeatureNameCollisionError: Duplicate features named trips/,
    );
    await expect(get(['driver_stats:tripz'], [{ driver_id: 1 }])).rejects.toThrow(
      /FeastObjectNotFoundException: .*tripz/,
    );
    await expect(get(['driver_stats:trips'], [{ driver_id: 'x' }])).rejects.toThrow(/FeastError: FS202/);
    const stranger = await feastClient(daemon.url, join(project.folder, 'stranger'), 'not-the-key');
    await expect(stranger.call('get', ['driver_stats:trips'], [{ driver_id: 1 }])).rejects.toThrow(/401/);
    await stranger.stop();
  });
});

const firstOf = (columns: Readonly<Record<string, readonly unknown[]>>) =>
  Object.fromEntries(Object.entries(columns).map(([name, values]) => [name, values.slice(0, 1)]));

interface FeastAnswer {
  readonly metadata: { readonly feature_names: readonly string[] };
  readonly results: readonly {
    readonly values: readonly unknown[];
    readonly statuses: readonly string[];
    readonly event_timestamps: readonly string[];
  }[];
}

/** By name: Feast's order within a view is that of a set. What Feast knows no status for is left to the tests above. */
const byName = (body: FeastAnswer) =>
  Object.fromEntries(
    body.metadata.feature_names.map((name, at) => [
      name,
      {
        values: body.results[at]?.values,
        statuses: body.results[at]?.statuses.map((status) => (status === 'NULL_VALUE' ? 'PRESENT' : status)),
        event_timestamps: body.results[at]?.event_timestamps,
      },
    ]),
  );

describe.runIf(withFeast)("beside Feast's feature server", () => {
  const both = async (path: string, body: string | object) =>
    [await ours(path, body), await theirs(path, body)] as const;
  // To the second: Feast's SQLite store keeps no more.
  const at = ago(1).replace(/\..*/, '').replace('T', ' ');
  const df = {
    driver_id: [71, 72],
    event_timestamp: [at, at],
    trips: [7, null],
    rating: [7, 0.1],
    city: ['x', null],
    active: [true, false],
    scores: [[1.5], [2.5, 3]],
    tags: [['t'], ['u', 'v']],
    photo: [null, null],
    joined: [1_600_000_000, 1_600_000_001],
    created: [null, null],
  };

  it('takes the same pushes and writes, with the same answers', async () => {
    for (const [path, body] of [
      ['/push', { push_source_name: 'driver_stats', df, to: 'online' }],
      ['/write-to-online-store', { feature_view_name: 'driver_stats', df }],
    ] as const) {
      const [mine, feast] = await both(path, body);
      expect([mine.status, mine.text], path).toEqual([feast.status, feast.text]);
      expect(mine.status).toBe(200);
    }
  });

  it('answers the same values, statuses and times', async () => {
    const requests = [
      { features: FEATURES, entities: { driver_id: [71, 72, 999] } },
      { features: ['driver_stats:trips'], entities: { driver_id: [72, 71, 71] }, full_feature_names: true },
      { feature_service: 'driver_inputs', entities: { driver_id: [71] } },
      { features: ['driver_stats:rating', 'shifts:trips'], entities: { driver_id: [71], shop: ['nowhere'] } },
      { features: ['driver_stats:trips'], entities: { driver: [71] } },
      { features: ['driver_stats:trips'], entities: { driver_id: [71], stranger: ['left out'] } },
    ];
    for (const request of requests) {
      const [mine, feast] = await both('/get-online-features', request);
      const what = JSON.stringify(request);
      expect(feast.status, what + feast.text).toBe(200);
      expect(byName(mine.body), what).toEqual(byName(feast.body));
      // Python tells 7.0 from 7, and so does its client.
      for (const [, number] of feast.text.matchAll(/(\d+\.0)\b/g)) expect(mine.text).toContain(number);
    }
  });

  it('takes integers that only Python holds', async () => {
    const body = `{"feature_view_name": "driver_stats", "df": {"driver_id": [${BIG}], "event_timestamp": ["${at}"], "trips": [${BIG}]}}`;
    expect((await ours('/write-to-online-store', body)).status).toBe(200);
    const { text } = await ours(
      '/get-online-features',
      `{"features": ["driver_stats:trips"], "entities": {"driver_id": [${BIG}]}}`,
    );
    expect(text).toContain(`{"values":[${BIG}],"statuses":["PRESENT"]`);
    expect(text.split(BIG)).toHaveLength(3);
  });

  it('refuses the same requests, where Feast says so with a status of its own', async () => {
    for (const [path, body] of [
      ['/get-online-features', { features: ['nowhere:trips'], entities: { driver_id: [1] } }],
      ['/get-online-features', { feature_service: 'nothing', entities: { driver_id: [1] } }],
      ['/push', { push_source_name: 'nowhere', df, to: 'online' }],
      ['/write-to-online-store', { feature_view_name: 'nowhere', df }],
      ['/materialize-incremental', { end_ts: FRESH, feature_views: ['nowhere'] }],
    ] as const) {
      const [mine, feast] = await both(path, body);
      const what = `${path} ${JSON.stringify(body)}`;
      expect(mine.status, what).toBe(feast.status);
      const [said, saysFeast] = [mine.body, feast.body].map((text) => JSON.parse(text as string));
      // Feast names its project in some and leaves it out in others.
      expect({ ...said, message: said.message.replace(' in project feast', '') }, what).toEqual({
        ...saysFeast,
        message: saysFeast.message.replace(' in project feast', ''),
      });
    }
    for (const [path, body] of [
      ['/get-online-features', { features: ['driver_stats:trips'] }],
      ['/push', { df }],
    ] as const) {
      const [mine, feast] = await both(path, body);
      expect([mine.status, mine.body.detail[0].loc], path).toEqual([422, feast.body.detail[0].loc]);
    }
  });
});

describe("Feast's wire format", () => {
  const get = (features: readonly string[], entities: object) => ours('/get-online-features', { features, entities });

  it('gives bytes as base64 and refuses what is no frame', async () => {
    const photo = Buffer.from('a photo').toString('base64');
    const df = { driver_id: [81], event_timestamp: [FRESH], photo: [photo] };
    expect((await ours('/push', { push_source_name: 'driver_stats', df })).status).toBe(200);
    const read = await get(['driver_stats:photo', 'driver_stats:trips'], { driver_id: [81] });
    expect(read.body.results.slice(1)).toMatchObject([
      { values: [photo], statuses: ['PRESENT'], event_timestamps: [FRESH.replace('000Z', 'Z')] },
      { values: [null], statuses: ['NULL_VALUE'] },
    ]);
    const byIndex = { driver_id: { 0: 82 }, event_timestamp: { 0: FRESH }, trips: { 0: 8 } };
    expect((await ours('/push', { push_source_name: 'driver_stats', df: byIndex })).status).toBe(200);
    expect((await get(['driver_stats:trips'], { driver_id: [82] })).body.results[1].values).toEqual([8]);
    const ragged = { ...df, driver_id: [1, 2] };
    for (const [body, status] of [
      [{ push_source_name: 'driver_stats', df: ragged }, 422],
      [{ push_source_name: 'driver_stats', df: { driver_id: 1 } }, 422],
      [{ push_source_name: 'driver_stats', df, to: 'everywhere' }, 422],
      ['{"push_source_name": ', 400],
    ] as const) {
      const answer = await ours('/push', body);
      expect([answer.status, JSON.parse(answer.body as string).module], answer.text).toEqual([status, 'feast.errors']);
    }
  });

  it('finds nothing in a view that was never filled, until it is materialized', async () => {
    const read = async () => (await get(['from_file:total', 'driver_stats:trips'], { driver_id: [2, null] })).body;
    expect((await read()).results).toMatchObject([
      { values: [2, null], statuses: ['PRESENT', 'PRESENT'] },
      { values: [null, null], statuses: ['NOT_FOUND', 'NOT_FOUND'] },
      { values: [null, null] },
    ]);
    const done = await ours('/materialize-incremental', {
      end_ts: new Date().toISOString(),
      feature_views: ['from_file'],
    });
    expect([done.status, done.text]).toEqual([200, 'null']);
    expect((await read()).results[1]).toEqual({
      values: [20, null],
      statuses: ['PRESENT', 'NOT_FOUND'],
      event_timestamps: ['2024-01-01T00:00:00Z', '1970-01-01T00:00:00Z'],
    });
    writeFileSync(join(project.folder, 'trips.csv'), 'driver_id,at,total\n2,2024-01-02,21\n');
    const range = { start_ts: '2024-01-01', end_ts: '2024-02-01' };
    expect((await ours('/materialize', range)).status).toBe(200);
    expect((await read()).results[1].values).toEqual([21, null]);
    expect((await ours('/materialize', { ...range, end_ts: '2023-01-01' })).status).toBe(422);
    expect((await ours('/materialize-incremental', { end_ts: 'soon' })).status).toBe(422);
  });

  it('materializes later where that is asked for, as a run', async () => {
    writeFileSync(join(project.folder, 'trips.csv'), 'driver_id,at,total\n2,2024-01-03,22\n');
    const body = { end_ts: new Date().toISOString(), feature_views: ['from_file'] };
    expect(await ours('/materialize-incremental?async=true', body)).toMatchObject({
      status: 202,
      body: { status: 'accepted', feature_views: ['from_file'] },
    });
    const again = await ours('/materialize-incremental?async=true', body);
    if (again.status !== 202) expect(again).toMatchObject({ status: 409, body: { feature_views: ['from_file'] } });
    await expect
      .poll(async () => (await get(['from_file:total'], { driver_id: [2] })).body.results[1].values, {
        timeout: 30_000,
      })
      .toEqual([22]);
  });

  it('needs an API key, and tells that it is healthy without one', async () => {
    expect((await call(daemon.url, '/get-online-features', {}, 'wrong')).status).toBe(401);
    const health = await fetch(`${daemon.url}/health`);
    expect([health.status, await health.text()]).toEqual([200, '']);
  });

  it('pushed online is not trained on; pushed offline it is, and is served then', async () => {
    const df = (id: number) => ({ driver_id: [id], event_timestamp: [FRESH], trips: [id] });
    await ours('/push', { push_source_name: 'driver_stats', df: df(91) });
    await ours('/push', { push_source_name: 'driver_stats', df: df(92), to: 'offline' });
    const read = async () => (await get(['driver_stats:trips'], { driver_id: [91, 92] })).body.results[1].values;
    expect(await read()).toEqual([91, null]);
    await ours('/materialize-incremental', { end_ts: FRESH, feature_views: ['driver_stats'] });
    expect(await read()).toEqual([91, 92]);
    const spine = [91, 92].map((driver_id) => ({ driver_id, event_time: new Date().toISOString() }));
    const history = await ours('/api/v1/training-data', { spine, features: ['driver_stats.trips'] });
    expect(history.body.rows.map((row: { trips: unknown }) => row.trips)).toEqual([null, 92]);
  });
});
