import { createHmac, randomUUID } from 'node:crypto';
import { mkdir, rm, utimes, writeFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { createSense } from '../../src/compose/sense.ts';
import type { JsonObject } from '../../src/lib/json.ts';
import { newRun } from '../../src/orchestrator/new-run.ts';
import type { Orchestrator } from '../../src/orchestrator/orchestrator.ts';
import { runRules } from '../../src/orchestrator/rules.ts';
import type { FeatureSetStructure } from '../../src/spec/feature-set-structure.ts';
import type { Trigger } from '../../src/spec/schema-types.ts';
import type { RunRecord } from '../../src/stores/control/runs.ts';
import { createPostgresFeatureState } from '../../src/stores/postgres/postgres-feature-state.ts';
import { postgresRegistry } from '../../src/stores/postgres/postgres-registry.ts';
import { createPostgresTriggers } from '../../src/stores/postgres/postgres-triggers.ts';
import { ended, ingesting, MANUAL, openRig, pipelineOf, type Rig, until } from '../support/orchestrator.ts';
import { type FreshDatabase, freshDatabase } from '../support/postgres.ts';

let database: FreshDatabase;
let rig: Rig;
beforeAll(async () => {
  database = await freshDatabase();
});
afterAll(async () => {
  await database.drop();
});
beforeEach(async () => {
  rig = await openRig(database.connectionString);
  return () => rig.close();
});

/** As an apply does: the record, which events look at, and the catalog, which the scheduler reads. */
async function apply(name: string, triggers: readonly Trigger[], params: Record<string, string | number> = {}) {
  const spec = pipelineOf({ a: {} }, { name, triggers: [...triggers], params });
  rig.catalog.put('pipeline', name, spec);
  await rig.db.query(
    `insert into mlops.resources (scope_id, address, kind, name, spec, digest, depends_on, protect, managed_by, status)
     values ($1, 'pipeline.' || $2, 'pipeline', $2, $3, '', '{}', false, 'apply', 'ready')
     on conflict (scope_id, address) do update set spec = excluded.spec`,
    [rig.scopeId, name, JSON.stringify(spec)],
  );
}

const runsOf = async (orchestrator: Orchestrator, pipeline: string): Promise<readonly RunRecord[]> => {
  const { items } = await orchestrator.list({ pipeline, limit: 100 });
  return Promise.all([...items].reverse().map(async ({ runId }) => (await orchestrator.get(runId))!));
};
const handled = (pipeline: string) =>
  until(`every event of ${pipeline} is handled`, async () => {
    const events = await createPostgresTriggers(rig.db, rig.scopeId).of(pipeline, 100);
    return events.length > 0 && events.every(({ outcome }) => outcome !== null) && events;
  });

function register(model: string) {
  return postgresRegistry(rig.db, rig.scopeId).addVersion(
    {
      name: model,
      framework: 'onnx',
      metrics: {},
      hyperparameters: {},
      artifacts: [],
      tags: {},
      lineage: {},
      signature: null,
      description: null,
      idempotencyKey: null,
    },
    'ada',
  );
}
const promote = async (id: string, to: 'staging' | 'production') =>
  postgresRegistry(rig.db, rig.scopeId).move(id, to, { who: 'ada', reason: null }, () => []);

describe('a model that is promoted', () => {
  it('starts a run with the version as its cause, also where it was promoted before any scheduler ran, and never twice', async () => {
    await apply('deploy', [{ promoted: 'risk', params: { version: 'event.version' } }], { version: 0 });
    const { id } = await register('risk');
    await promote(id, 'staging');
    await promote(id, 'production');
    const [one, two] = [rig.open({ services: ingesting() }), rig.open({ services: ingesting() })];
    await Promise.all([one.scheduler.start(), two.scheduler.start()]);
    const [event] = await handled('deploy');
    const runs = await runsOf(one, 'deploy');
    expect(runs).toHaveLength(1);
    expect(runs[0]).toMatchObject({
      params: { version: 1 },
      cause: {
        kind: 'promoted',
        event: {
          id: event!.id,
          subject: 'model.risk',
          events: 1,
          detail: { model: 'risk', version: 1, version_id: id, from: 'staging', to: 'production', who: 'ada' },
        },
      },
    });
    expect(event).toMatchObject({ outcome: 'run', runId: runs[0]!.runId });
  });

  it('starts nothing that was applied later, nor anything where the promotion was undone', async () => {
    const { id } = await register('risk');
    await promote(id, 'production');
    await apply('late', [{ promoted: 'risk' }]);
    const undone = rig.db.transaction(async (tx) => {
      await tx.query(
        `insert into mlops.stage_moves (scope_id, model, version, version_id, from_stage, to_stage, at, who)
         values ($1, 'risk', 1, $2, 'staging', 'production', now(), 'eve')`,
        [rig.scopeId, id],
      );
      throw new Error('undone');
    });
    await expect(undone).rejects.toThrow('undone');
    expect(await createPostgresTriggers(rig.db, rig.scopeId).of('late', 10)).toEqual([]);
  });

  it('starts each time a run of its own, and a registration is a promotion to development', async () => {
    await apply('each', [{ promoted: 'risk', to: 'development' }]);
    await register('risk');
    await register('risk');
    const orchestrator = rig.open({ services: ingesting() });
    await orchestrator.scheduler.start();
    expect(await handled('each')).toHaveLength(2);
    const versions = (await runsOf(orchestrator, 'each')).map(({ cause }) => cause.event?.detail['version']);
    expect(versions).toEqual([1, 2]);
  });
});

describe('the end of a pipeline', () => {
  const run = (name: string) =>
    newRun({
      runId: randomUUID(),
      spec: pipelineOf({ a: {} }, { name }),
      params: {},
      cause: MANUAL,
      gitCommit: null,
      idempotencyKey: null,
    });

  it('starts those that wait for an end of its kind', async () => {
    await apply('ingest', []);
    for (const on of ['succeeded', 'failed', 'any'] as const) await apply(on, [{ pipeline: 'ingest', on }]);
    let fails = false;
    const orchestrator = rig.open({
      services: ingesting({
        a: () => {
          if (fails) throw new Error('no');
        },
      }),
    });
    await orchestrator.worker.start();
    const good = (await rig.runs.create(run('ingest'), runRules)).run.runId;
    await ended(orchestrator, good);
    fails = true;
    const bad = (await rig.runs.create(run('ingest'), runRules)).run.runId;
    await ended(orchestrator, bad);
    fails = false;
    await orchestrator.worker.stop();
    const dropped = (await rig.runs.create(run('ingest'), runRules)).run.runId;
    await orchestrator.cancel(dropped, 'ada');
    await orchestrator.scheduler.start();
    const by = async (pipeline: string) => {
      await handled(pipeline);
      return (await runsOf(orchestrator, pipeline)).map(({ cause }) => cause.event?.detail['run_id']);
    };
    expect(await by('succeeded')).toEqual([good]);
    expect(await by('failed')).toEqual([bad]);
    expect(await by('any')).toEqual([good, bad, dropped]);
  });

  it('is an event again after a retry', async () => {
    await apply('ingest', []);
    await apply('after', [{ pipeline: 'ingest', on: 'any' }]);
    let fails = true;
    const orchestrator = rig.open({
      services: ingesting({
        a: () => {
          if (fails) throw new Error('no');
        },
      }),
    });
    await orchestrator.worker.start();
    const { runId } = (await rig.runs.create(run('ingest'), runRules)).run;
    await ended(orchestrator, runId);
    fails = false;
    await orchestrator.retry(runId, 'ada');
    await until('it succeeded', async () => (await orchestrator.get(runId))?.status === 'succeeded');
    const events = await createPostgresTriggers(rig.db, rig.scopeId).of('after', 10);
    expect(events.map(({ detail }) => detail['status'])).toEqual(['succeeded', 'failed']);
  });
});

describe('a feature set that is materialized', () => {
  const structure: FeatureSetStructure = {
    keys: { id: 'int64' },
    source: 'raw',
    query: null,
    eventTime: 'at',
    createdTime: null,
    features: { a: { dtype: 'float64', column: 'a', expr: null } },
  };

  it('starts a run when it has new rows, and what comes while that runs becomes one run after it', async () => {
    await apply('train', [{ materialized: 'labs' }]);
    const state = createPostgresFeatureState(rig.db, rig.scopeId);
    await state.registerVersion('labs', 'd', structure);
    const { signal } = new AbortController();
    const materialize = (digest: string) =>
      state.materializing('labs', 1, signal, (claim) => claim.complete({ raw: digest }));
    await materialize('1');
    const orchestrator = rig.open({ services: ingesting() });
    await orchestrator.scheduler.start();
    await handled('train');
    // The first run waits for a worker meanwhile.
    await materialize('2');
    await materialize('2');
    await materialize('3');
    const events = async () => createPostgresTriggers(rig.db, rig.scopeId).of('train', 10);
    expect((await events()).map(({ outcome }) => outcome)).toEqual([null, null, 'run']);
    await orchestrator.worker.start();
    await handled('train');
    const runs = await runsOf(orchestrator, 'train');
    expect(runs.map(({ cause }) => [cause.kind, cause.event?.subject, cause.event?.events])).toEqual([
      ['materialized', 'feature_set.labs', 1],
      ['materialized', 'feature_set.labs', 2],
    ]);
    expect(runs[0]!.cause.event?.detail).toEqual({ feature_set: 'labs', version: 1 });
  });
});

describe('a sensor', () => {
  it('starts nothing when it first looks, and one run for what came, changed or went since, whoever looks', async () => {
    const folder = join(rig.workdir, 'drop');
    await mkdir(folder);
    await writeFile(join(folder, 'a.csv'), '1');
    const trigger: Trigger = { file: 'drop/*.csv', every: '1s' };
    await apply('load', [trigger]);
    const store = createPostgresTriggers(rig.db, rig.scopeId);
    const sense = createSense(() => rig.workdir);
    const sensor = { pipeline: 'load', spec: trigger };
    const { signal } = new AbortController();
    const look = async () => {
      await rig.db.query('update mlops.trigger_sensors set next_at = now() where scope_id = $1', [rig.scopeId]);
      const taken = await store.takeLook(sensor, 1000);
      const sensed = await sense(trigger, taken!.seen, signal);
      // Two that look at once tell one change once.
      await Promise.all([store.sensed(sensor, taken!.seen, sensed), store.sensed(sensor, taken!.seen, sensed)]);
      return (await store.of('load', 10)).map(({ detail }) => detail);
    };
    expect(await look()).toEqual([]);
    expect(await look()).toEqual([]);
    await writeFile(join(folder, 'b.csv'), '2');
    expect(await look()).toMatchObject([{ changed: ['drop/b.csv'], gone: [], files: 2 }]);
    await rm(join(folder, 'a.csv'));
    await utimes(join(folder, 'b.csv'), new Date(0), new Date(0));
    expect((await look())[0]).toMatchObject({ changed: ['drop/b.csv'], gone: ['drop/a.csv'], files: 1 });
    expect(await look()).toHaveLength(2);
    expect(await store.takeLook(sensor, 1000)).toBeUndefined();
  });

  it('is asked by the scheduler as often as it says, and a run tells what changed', async () => {
    await writeFile(join(rig.workdir, 'in.csv'), '1');
    await apply('load', [{ file: 'in.csv', every: '1s', params: { file: 'event.newest' } }], { file: '' });
    const options = { services: ingesting(), sense: createSense(() => rig.workdir) };
    const [one, two] = [rig.open(options), rig.open(options)];
    await Promise.all([one.scheduler.start(), two.scheduler.start()]);
    await until('it looked once', async () => {
      const [row] = await rig.db.query('select 1 from mlops.trigger_sensors where scope_id = $1 and seen is not null', [
        rig.scopeId,
      ]);
      return row !== undefined;
    });
    await writeFile(join(rig.workdir, 'in.csv'), '22');
    await handled('load');
    const runs = await runsOf(one, 'load');
    expect(runs).toHaveLength(1);
    expect(runs[0]).toMatchObject({
      params: { file: 'in.csv' },
      cause: { kind: 'sensor', event: { subject: 'in.csv' } },
    });
  });

  it('sees a table by its greatest value or its rows, a query by its first row, and says why it cannot look', async () => {
    await rig.db.query('create table public.visits (id int, at timestamptz)');
    const variables = { VISITS_URL: database.connectionString };
    Object.assign(process.env, variables);
    const sense = createSense(() => rig.workdir);
    const { signal } = new AbortController();
    const about = { database: { $env: 'VISITS_URL' } };
    const seen = async (trigger: Trigger): Promise<JsonObject> =>
      (await sense({ ...about, ...trigger }, null, signal)).seen;
    expect(await seen({ table: 'public.visits' })).toEqual({ value: '0' });
    await rig.db.query("insert into public.visits values (1, '2026-01-01T00:00:00Z')");
    expect(await seen({ table: 'public.visits' })).toEqual({ value: '1' });
    expect(await seen({ table: 'visits', column: 'at' })).toEqual({ value: '2026-01-01 00:00:00+00' });
    expect(await seen({ query: 'select id from public.visits' })).toEqual({ value: '{"id": 1}' });
    await expect(seen({ table: 'nowhere' })).rejects.toMatchObject({ code: 'PL242' });
    await apply('blind', [{ ...about, table: 'nowhere', every: '1s' }]);
    const orchestrator = rig.open({ sense });
    await orchestrator.scheduler.start();
    await until('it says so', async () => (await orchestrator.status('blind')).sensors[0]?.error?.includes('nowhere'));
    delete process.env['VISITS_URL'];
  });

  it('asks an address for its mark', async () => {
    let mark = '"1"';
    const server = createServer((_, response) => response.setHeader('etag', mark).end());
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const file = `http://127.0.0.1:${(server.address() as AddressInfo).port}/data.csv`;
    const sense = createSense(() => rig.workdir);
    const { signal } = new AbortController();
    const first = await sense({ file }, null, signal);
    mark = '"2"';
    expect(await sense({ file }, first.seen, signal)).toEqual({
      seen: { mark: '"2"' },
      detail: { file, before: '"1"', after: '"2"' },
    });
    server.close();
    await expect(sense({ file }, null, signal)).rejects.toMatchObject({ code: 'PL242' });
  });
});

describe('a webhook', () => {
  const variables = { HOOK_TOKEN: 'opensesame', HOOK_SECRET: 'shared' };
  const call = (
    orchestrator: Orchestrator,
    headers: Readonly<Record<string, string>>,
    body: unknown = { ref: 'main' },
    webhook = 'push',
  ) =>
    orchestrator.webhook({
      pipeline: 'build',
      webhook,
      body: Buffer.from(typeof body === 'string' ? body : JSON.stringify(body)),
      header: (name) => headers[name],
    });

  it('starts a run with parameters from its body, once for a delivery', async () => {
    await apply('build', [{ webhook: 'push', token: { $env: 'HOOK_TOKEN' }, params: { ref: 'event.body.ref' } }], {
      ref: '',
    });
    const orchestrator = rig.open({ variables });
    const bearer = { authorization: 'Bearer opensesame' };
    const keyed = { ...bearer, 'idempotency-key': 'k1' };
    const [first, again] = await Promise.all([call(orchestrator, keyed), call(orchestrator, keyed)]);
    expect([first.created, again.created].sort()).toEqual([false, true]);
    expect(again.runId).toBe(first.runId);
    await call(orchestrator, bearer);
    await call(orchestrator, bearer);
    const runs = await runsOf(orchestrator, 'build');
    expect(runs).toHaveLength(3);
    expect(runs[0]).toMatchObject({
      params: { ref: 'main' },
      cause: { kind: 'webhook', event: { subject: 'push', detail: { webhook: 'push', delivery: 'k1' } } },
    });
    expect(JSON.stringify(runs)).not.toContain('opensesame');
  });

  it('refuses who cannot show the token or sign the body', async () => {
    await apply('build', [
      { webhook: 'push', token: { $env: 'HOOK_TOKEN' } },
      { webhook: 'signed', secret: { $env: 'HOOK_SECRET' } },
    ]);
    const orchestrator = rig.open({ variables });
    const signature = (body: string) => `sha256=${createHmac('sha256', 'shared').update(body).digest('hex')}`;
    const refused = { code: 'PL244', status: 401 };
    await expect(call(orchestrator, {})).rejects.toMatchObject(refused);
    await expect(call(orchestrator, { authorization: 'Bearer wrong' })).rejects.toMatchObject(refused);
    await expect(
      call(orchestrator, { 'x-hub-signature-256': signature('{}') }, '{"a":1}', 'signed'),
    ).rejects.toMatchObject(refused);
    await expect(call(orchestrator, {}, {}, 'other')).rejects.toMatchObject({ code: 'PL243', status: 404 });
    const signed = await call(orchestrator, { 'x-hub-signature-256': signature('{"a":1}') }, '{"a":1}', 'signed');
    expect(signed).toMatchObject({ created: true, outcome: 'run' });
    await expect(call(orchestrator, { authorization: 'Bearer opensesame' }, 'no json')).rejects.toMatchObject({
      code: 'API400',
    });
    expect(await runsOf(orchestrator, 'build')).toHaveLength(1);
  });
});

describe('crons among the triggers', () => {
  it('run with the schedule, and an instant that two of them have once', async () => {
    const spec = pipelineOf(
      { a: {} },
      {
        name: 'often',
        params: { at: '' },
        schedule: { cron: '* * * * * *' },
        triggers: [{ cron: '*/1 * * * * *', timezone: 'America/Chicago', params: { at: 'event.instant' } }],
      },
    );
    rig.catalog.put('pipeline', 'often', spec);
    const orchestrator = rig.open({ services: ingesting() });
    await Promise.all([orchestrator.scheduler.start(), orchestrator.worker.start()]);
    const runs = await until('four have run', async () => {
      const found = await runsOf(orchestrator, 'often');
      return found.length >= 4 && found;
    });
    const instants = runs.map(({ cause }) => cause.instant);
    expect(new Set(instants).size).toBe(instants.length);
    for (const { params, cause } of runs) expect(['', cause.instant]).toContain(params['at']);
  });
});

describe('an event that cannot start its run', () => {
  it('is refused with the reason, and keeps back no other', async () => {
    await apply('broken', [{ promoted: 'risk', to: 'development', params: { nothing: 'event.version' } }]);
    await apply('whole', [{ promoted: 'risk', to: 'development' }]);
    await register('risk');
    const orchestrator = rig.open({ services: ingesting() });
    await orchestrator.scheduler.start();
    expect(await handled('whole')).toMatchObject([{ outcome: 'run' }]);
    const [event] = await handled('broken');
    expect(event).toMatchObject({ outcome: 'refused', runId: null });
    expect(event!.why).toContain('PL205');
  });
});
