/** The healthcare project with its features online in Redis: the same answers as from LMDB, and Redis killed under a daemon. */
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { healthcareProject, type TestDaemon, until } from '../support/project.ts';
import { startRedis, type TestRedis, withRedis } from '../support/redis.ts';

const PASSWORD = 'hunter2%/';
const project = healthcareProject('redis project');
let server: TestRedis;
let env: { REDIS_URL: string };

interface Answer {
  readonly status: number;
  readonly body: Record<string, unknown>;
  readonly headers: Headers;
}

async function json(url: string, body?: unknown, method = body === undefined ? 'GET' : 'POST'): Promise<Answer> {
  const answer = await fetch(url, { method, ...(body !== undefined && { body: JSON.stringify(body) }) });
  const text = await answer.text();
  return { status: answer.status, body: text === '' ? {} : JSON.parse(text), headers: answer.headers };
}

const PATIENTS = Array.from({ length: 312 }, (_, index) => ({ id: index + 1 }));
const SEEN = PATIENTS.slice(0, 20);
const SEEN_AT = new Date(Date.now() - 86_400_000).toISOString();
const latest = (id: number) => ({
  patient_labs: { bili: id / 3, albumin: 2.9, protime: 11.6, platelet: 190 + id },
  patient_trend: { visits_365d: 2, bili_change_365d: id / 7 },
});
const reads = (url: string, entities: unknown = PATIENTS) =>
  json(`${url}/api/v1/online-features`, { entities, feature_service: 'mortality_inputs' });
const predictions = (url: string, entities: unknown = SEEN) =>
  json(`${url}/api/v1/endpoints/mortality/predict`, { entities });

const rowsOf = ({ body }: Answer) => (body as { rows: unknown[] }).rows;
const scores = ({ body }: Answer) => (body as { predictions: unknown }).predictions;

beforeAll(async () => {
  if (!withRedis) return;
  server = await startRedis({ password: PASSWORD, args: ['--appendonly', 'yes', '--appendfsync', 'always'] });
  env = { REDIS_URL: server.url };
  const config = join(project.folder, 'mlops.config.ts');
  const text = readFileSync(config, 'utf8');
  writeFileSync(config, text.replace('dev: {},', "dev: {},\n    shared: { online: { redis: env('REDIS_URL') } },"));
}, 60_000);

afterAll(async () => {
  await project.remove();
  await server?.stop();
}, 60_000);

const shared = (...args: readonly string[]) => project.mlops([...args, '--env', 'shared'], { env });

async function trained(daemon: TestDaemon, ...flags: readonly string[]): Promise<void> {
  const run = await project.mlops(['run', 'weekly_retraining', '--follow', ...flags], { env });
  expect(run.code, run.stderr).toBe(0);
  // The data ends in the eighties: whoever is asked about today has been seen lately.
  for (const { id } of SEEN) {
    for (const [feature_set, features] of Object.entries(latest(id))) {
      const pushed = await json(
        `${daemon.url}/api/v1/online-features`,
        { feature_set, entity_id: id, features, event_time: SEEN_AT },
        'PUT',
      );
      expect(pushed.status).toBe(204);
    }
  }
  await until(async () => (await predictions(daemon.url)).status === 200);
}

describe.runIf(withRedis)('the healthcare project on Redis', () => {
  let daemon: TestDaemon;

  it('trains, materializes, serves and predicts as on LMDB', { timeout: 300_000 }, async () => {
    for (const flags of [[], ['--env', 'shared']]) {
      const applied = await project.mlops(['apply', '--yes', ...flags], { env });
      expect(applied.code, applied.stderr).toBe(0);
    }
    const embedded = await project.daemon(['--port', '0'], { env });
    await trained(embedded);
    const [rows, scored] = [await reads(embedded.url), await predictions(embedded.url)];
    expect([rows.status, scored.status, scores(scored)]).toEqual([200, 200, expect.objectContaining({ length: 20 })]);
    embedded.kill('SIGTERM');
    await embedded.ended;
    daemon = await project.daemon(['--port', '0', '--env', 'shared'], { env });
    await trained(daemon, '--env', 'shared');
    expect(rowsOf(await reads(daemon.url))).toEqual(rowsOf(rows));
    expect(scores(await predictions(daemon.url))).toEqual(scores(scored));
    expect(Number(await server.command('DBSIZE'))).toBeGreaterThan(600);
    const ready = await json(`${daemon.url}/readyz`);
    expect([ready.status, ready.body['checks']]).toEqual([200, expect.objectContaining({ online_store: null })]);
  });

  it('says that Redis is gone, stays up, and is there again when Redis is', { timeout: 120_000 }, async () => {
    const before = rowsOf(await reads(daemon.url));
    const [inputs] = (await predictions(daemon.url, { id: 5 })).body['features'] as unknown[];
    await server.kill();
    const start = performance.now();
    const gone = await reads(daemon.url);
    expect(performance.now() - start).toBeLessThan(5_000);
    expect([gone.status, gone.body['code'], gone.body['retryable']]).toEqual([503, 'ST120', true]);
    expect(gone.headers.get('retry-after')).toMatch(/^\d+$/);
    const predicted = await predictions(daemon.url, { id: 5 });
    expect([predicted.status, predicted.body['code']]).toEqual([503, 'ST120']);
    const given = await json(`${daemon.url}/api/v1/endpoints/mortality/predict`, { entities: { id: 5 }, inputs });
    expect(given.status).toBe(200);
    const pushed = await json(
      `${daemon.url}/api/v1/online-features`,
      { feature_set: 'patient_labs', entity_id: 5, features: { bili: 3.25 } },
      'PUT',
    );
    expect([pushed.status, pushed.body['code']]).toEqual([503, 'ST120']);
    const ready = await json(`${daemon.url}/readyz`);
    expect(ready.status).toBe(503);
    expect((ready.body['checks'] as { online_store: string }).online_store).toContain('does not answer');
    expect((await json(`${daemon.url}/healthz`)).status).toBe(200);
    await server.start();
    await until(async () => (await json(`${daemon.url}/readyz`)).status === 200);
    // It keeps what it answered to on its disk; where it does not, the next materialization brings all of it back.
    expect(rowsOf(await reads(daemon.url))).toEqual(before);
    await server.command('FLUSHALL');
    const lost = rowsOf(await reads(daemon.url, [{ id: 5 }])) as unknown as { status: Record<string, string> }[];
    expect(Object.values(lost[0]?.status ?? {})).toContain('not_found');
    for (const set of ['patient_labs', 'patient_trend']) {
      const filled = await shared('features', 'materialize', set);
      expect(filled.code, filled.stderr).toBe(0);
    }
    expect(rowsOf(await reads(daemon.url))).toEqual(before);
    for (const answer of [gone, predicted, pushed, ready]) expect(JSON.stringify(answer.body)).not.toContain('hunter2');
    expect(daemon.log()).not.toContain('hunter2');
  });

  it('is examined by doctor, which tells what is wrong and no password', { timeout: 60_000 }, async () => {
    const well = await shared('doctor');
    expect([well.code, well.stdout]).toEqual([0, expect.stringMatching(/✓ online store +Redis \d/)]);
    await server.kill();
    const ill = await shared('doctor');
    expect([ill.code, ill.stdout]).toEqual([
      1,
      expect.stringMatching(/✗ online store +ST120 Redis at 127\.0\.0\.1:\d+ does not/),
    ]);
    await server.start();
    const wrong = await project.mlops(['doctor', '--env', 'shared'], {
      env: { REDIS_URL: `redis://:hunter3@127.0.0.1:${server.port}` },
    });
    expect([wrong.code, wrong.stdout]).toEqual([1, expect.stringContaining('ST121')]);
    const unreadable = await project.mlops(['doctor', '--env', 'shared'], { env: { REDIS_URL: 'hunter4@host' } });
    expect([unreadable.code, unreadable.stdout]).toEqual([1, expect.stringContaining('ST123')]);
    const unset = await project.mlops(['doctor', '--env', 'shared'], { env: { REDIS_URL: undefined } });
    expect([unset.code, unset.stdout]).toEqual([1, expect.stringContaining('REDIS_URL')]);
    for (const { stdout, stderr } of [well, ill, wrong, unreadable]) expect(stdout + stderr).not.toMatch(/hunter\d/);
  });
});
