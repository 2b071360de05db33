import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { createLateness, type LatenessOptions } from '../../src/notify/lateness.ts';
import { createNotifier, type Notifier, type NotifierOptions } from '../../src/notify/notifier.ts';
import type { NotifySettings } from '../../src/notify/rules.ts';
import type { NotificationStore } from '../../src/stores/control/notifications.ts';
import { createPostgresNotifications } from '../../src/stores/postgres/postgres-notifications.ts';
import { ended, ingesting, MANUAL, openRig, pipelineOf, type Rig, until } from '../support/orchestrator.ts';
import { type FreshDatabase, freshDatabase } from '../support/postgres.ts';
import { type HttpReceiver, httpReceiver } from '../support/receivers.ts';

let database: FreshDatabase;
let rig: Rig;
let store: NotificationStore;
let receiver: HttpReceiver;
let opened: Notifier[];
const scope = { project: 'tests', environment: 'prod' };

beforeAll(async () => {
  database = await freshDatabase();
});
afterAll(() => database.drop());
beforeEach(async () => {
  rig = await openRig(database.connectionString);
  store = createPostgresNotifications(rig.db, rig.scopeId);
  receiver = await httpReceiver();
  opened = [];
});
afterEach(async () => {
  await Promise.all(opened.map((notifier) => notifier.stop()));
  await rig.close();
  await receiver.close();
});

const settingsOf = (rules: NotifySettings['rules']): NotifySettings => ({
  channels: { ops: { webhook: { url: `${receiver.url}/ops` } }, team: { webhook: { url: `${receiver.url}/team` } } },
  rules,
});

const latenessOf = (settings: NotifySettings, more: Partial<LatenessOptions> = {}) =>
  createLateness({
    store,
    settings,
    schedules: () => [],
    expectsWithin: () => false,
    freshness: async () => [],
    nowMs: () => performance.now(),
    ...more,
  });

function open(settings: NotifySettings, more: Partial<NotifierOptions> = {}): Notifier {
  const notifier = createNotifier({
    store,
    scope,
    settings,
    lateness: latenessOf(settings),
    expecting: () => [],
    variables: {},
    now: () => new Date('2026-01-01T00:00:00Z'),
    random: () => 0,
    report: () => {},
    ...more,
  });
  opened.push(notifier);
  return notifier;
}

interface Told {
  readonly event: string;
  readonly title: string;
  readonly text: string;
  readonly run_id: string;
  readonly data: Record<string, unknown>;
}

const toldTo = (path: string): Told[] =>
  receiver.received.filter((one) => one.path === path).map(({ body }) => JSON.parse(body) as Told);

const allSent = () =>
  until('nothing waits to be told', async () => {
    const [moves] = await rig.db.query<{ count: number }>(
      `select count(*) from mlops.run_moves where scope_id = $1 and consumer = 'notify'`,
      [rig.scopeId],
    );
    // Read after the feed: what left that is in the outbox by then.
    const counts = await store.counts();
    return moves?.count === 0 && counts.every(({ status }) => status !== 'pending');
  });

describe('runs', () => {
  it('tell a failure, the recovery and each success once to each channel that asks, however many daemons lead', async () => {
    let broken = true;
    const orchestrator = rig.open({
      services: ingesting({
        a: () => {
          if (broken) throw new Error('disk full');
        },
      }),
    });
    await orchestrator.scheduler.start();
    await orchestrator.worker.start();
    const settings = settingsOf([{ to: 'ops' }, { to: 'team', on: ['succeeded'] }]);
    for (let daemon = 0; daemon < 3; daemon += 1) open(settings).start();
    const run = async (): Promise<string> => {
      const { runId } = await orchestrator.submit({
        pipeline: pipelineOf({ a: {} }, { name: 'nightly' }),
        cause: MANUAL,
      });
      await ended(orchestrator, runId);
      return runId;
    };
    const first = await run();
    const second = await run();
    broken = false;
    const third = await run();
    const fourth = await run();
    await allSent();
    // Of several daemons none waits for the others: their order is not promised.
    const sorted = (path: string) =>
      toldTo(path)
        .map(({ event, title, run_id }) => `${event} ${title} ${run_id}`)
        .sort();
    expect(sorted('/ops')).toEqual(
      [
        `failed nightly failed ${first}`,
        `failed nightly failed ${second}`,
        `recovered nightly works again ${third}`,
      ].sort(),
    );
    expect(sorted('/team')).toEqual([third, fourth].map((id) => `succeeded nightly succeeded ${id}`).sort());
    expect(toldTo('/ops').find(({ run_id }) => run_id === first)).toMatchObject({
      text: 'a: disk full',
      data: { pipeline: 'nightly', status: 'failed', problems: [{ task: 'a', status: 'failed', error: 'disk full' }] },
    });
  });

  it('that open the breaker of their pipeline tell that too, once', async () => {
    const orchestrator = rig.open({
      services: ingesting({
        a: () => {
          throw new Error('no');
        },
      }),
    });
    await orchestrator.worker.start();
    open(settingsOf([{ to: 'ops' }])).start();
    const pipeline = pipelineOf({ a: {} }, { name: 'shaky', breaker: { failures: 2, pause: '1h' } });
    let last = '';
    for (let run = 0; run < 3; run += 1) {
      last = (await orchestrator.submit({ pipeline, cause: MANUAL })).runId;
      await ended(orchestrator, last);
      if (run === 1) await allSent();
    }
    await allSent();
    const told = toldTo('/ops').filter(({ data }) => data['pipeline'] === 'shaky');
    expect(told.map(({ event }) => event).sort()).toEqual(['breaker_opened', 'failed', 'failed', 'failed']);
    const opened = told.find(({ event }) => event === 'breaker_opened')!;
    expect(opened).toMatchObject({ title: 'shaky is paused', data: { failures: 2 } });
    expect(opened.text).toMatch(/^2 runs failed in a row: nothing starts it by itself until .+; then one run tries\.$/);
    expect(opened.run_id).not.toBe(last);
  });

  it('are told by the rules of their pipeline where it has some, and a run that is tried again tells its new end', async () => {
    let broken = true;
    const orchestrator = rig.open({
      services: ingesting({
        a: () => {
          if (broken) throw new Error('no');
        },
      }),
    });
    await orchestrator.worker.start();
    const settings = settingsOf([{ to: 'ops' }]);
    open(settings).start();
    const own = pipelineOf({ a: {} }, { name: 'own', notify: [{ to: 'team', on: ['failed', 'recovered'] }] });
    const { runId } = await orchestrator.submit({ pipeline: own, cause: MANUAL });
    await orchestrator.submit({ pipeline: pipelineOf({ a: {} }, { name: 'mute', notify: [] }), cause: MANUAL });
    await ended(orchestrator, runId);
    broken = false;
    await orchestrator.retry(runId, 'ada');
    await ended(orchestrator, runId);
    await allSent();
    expect(toldTo('/team').map(({ event }) => event)).toEqual(['failed', 'recovered']);
    expect(toldTo('/ops')).toEqual([]);
  });

  it('that somebody cancelled tell nobody, and neither break nor make a recovery', async () => {
    let behaviour: 'fail' | 'wait' | 'work' = 'fail';
    const orchestrator = rig.open({
      services: ingesting({
        a: ({ signal }) => {
          if (behaviour === 'fail') throw new Error('no');
          if (behaviour === 'wait')
            return new Promise((_, reject) =>
              signal.addEventListener('abort', () => reject(signal.reason), { once: true }),
            );
        },
      }),
    });
    await orchestrator.worker.start();
    open(settingsOf([{ to: 'ops', on: ['failed', 'recovered', 'succeeded'] }])).start();
    const submit = () => orchestrator.submit({ pipeline: pipelineOf({ a: {} }), cause: MANUAL });
    await ended(orchestrator, (await submit()).runId);
    behaviour = 'wait';
    const { runId } = await submit();
    await until('it runs', async () => (await orchestrator.get(runId))?.status === 'running');
    await orchestrator.cancel(runId, 'ada');
    await ended(orchestrator, runId);
    behaviour = 'work';
    await ended(orchestrator, (await submit()).runId);
    await allSent();
    expect(toldTo('/ops').map(({ event }) => event)).toEqual(['failed', 'recovered']);
  });

  it('of which many tasks failed tell the first and how many more', async () => {
    const tasks = Object.fromEntries(Array.from({ length: 8 }, (_, index) => [`t${index}`, {}]));
    const failing = Object.fromEntries(
      Object.keys(tasks).map((name) => [
        name,
        (): void => {
          throw new Error(`${name} is ${'x'.repeat(5000)}`);
        },
      ]),
    );
    const orchestrator = rig.open({ services: ingesting(failing) });
    await orchestrator.worker.start();
    open(settingsOf([{ to: 'ops' }])).start();
    await ended(orchestrator, (await orchestrator.submit({ pipeline: pipelineOf(tasks), cause: MANUAL })).runId);
    await allSent();
    const [{ text } = { text: '' }] = toldTo('/ops');
    expect(text.split('\n')).toHaveLength(6);
    expect(text).toMatch(/and 3 more$/);
    expect(text.length).toBeLessThan(4000);
  });
});

describe('the outbox', () => {
  const message = { title: 'hello', text: '', severity: 'info', fields: [], data: {} } as const;

  it('sends again what a receiver did not take, later each time, under the same id, and then no more', async () => {
    const notifier = open(settingsOf([]));
    receiver.answer(500, 'break', { status: 503, headers: { 'retry-after': '1' } });
    notifier.start();
    await notifier.send('ops', message, { key: 'k' });
    await allSent();
    const got = receiver.received;
    expect(new Set(got.map(({ headers }) => headers['webhook-id'])).size).toBe(1);
    expect(got).toHaveLength(4);
    const gaps = got.slice(1).map(({ at }, index) => at - (got[index]?.at ?? 0));
    expect(gaps[0]).toBeGreaterThanOrEqual(950);
    expect(gaps[1]).toBeGreaterThanOrEqual(1950);
    expect((await store.list({ limit: 10 })).items[0]).toMatchObject({ status: 'sent', attempts: 4, key: 'k' });
  });

  it('keeps what was refused as dead, with the reason, until somebody has it tried anew', async () => {
    const reports: string[] = [];
    const notifier = open(settingsOf([]), { report: (what) => reports.push(what) });
    receiver.answer({ status: 404, body: 'no_service' });
    notifier.start();
    await notifier.send('ops', message, { key: 'k', runId: '11111111-2222-4333-8444-555555555555' });
    const dead = await until('it is dead', async () => (await notifier.list({ limit: 1, status: 'dead' })).items[0]);
    expect(dead).toMatchObject({ attempts: 1, lastError: 'it answered 404: no_service', nextAt: null, sentAt: null });
    expect(reports).toEqual(['a notification to ops is given up: mlops notifications list --status dead']);
    await notifier.retry(dead.id);
    await allSent();
    expect((await store.get(dead.id))?.status).toBe('sent');
    await expect(notifier.retry(dead.id)).rejects.toMatchObject({ code: 'API409' });
    await expect(notifier.retry('11111111-2222-4333-8444-555555555555')).rejects.toMatchObject({ code: 'NT103' });
  });

  it('takes a key once a channel, and no channel that the environment lacks', async () => {
    const notifier = open(settingsOf([]));
    await notifier.send('ops', message, { key: 'k' });
    await notifier.send('ops', { ...message, title: 'another' }, { key: 'k' });
    await notifier.send('team', message, { key: 'k' });
    await expect(notifier.send('opps', message, { key: 'x' })).rejects.toMatchObject({
      code: 'NT101',
      hint: 'did you mean "ops"?',
    });
    await expect(notifier.test('none', AbortSignal.timeout(1000))).rejects.toMatchObject({ code: 'NT101' });
    notifier.start();
    await allSent();
    expect(receiver.received.map(({ path }) => path).sort()).toEqual(['/ops', '/team']);
  });

  it('gives up what goes to a channel that is gone', async () => {
    await store.add([{ key: 'k', channel: 'gone', kind: 'message', subject: null, runId: null, message }]);
    open(settingsOf([])).start();
    const dead = await until('it is dead', async () => (await store.list({ limit: 1, status: 'dead' })).items[0]);
    expect(dead.lastError).toBe('The environment prod has no notification channel "gone".');
  });

  it('sends once more what a sender took that died with it, when its time is over', async () => {
    await store.add([{ key: 'k', channel: 'ops', kind: 'message', subject: null, runId: null, message }]);
    const taken = await store.claim(10, 400);
    expect(taken.due).toHaveLength(1);
    expect((await store.claim(10, 400)).due).toEqual([]);
    open(settingsOf([])).start();
    await allSent();
    expect(receiver.received).toHaveLength(1);
    // What the first sender says now changes nothing.
    await store.settle(taken.due[0]?.id ?? '', taken.due[0]?.attempts ?? 0, { status: 'dead', error: 'late' });
    expect((await store.list({ limit: 1 })).items[0]?.status).toBe('sent');
  });

  it('sends what it has before it ends', async () => {
    const notifier = open(settingsOf([]));
    notifier.start();
    for (let index = 0; index < 20; index += 1) await notifier.send('ops', message, { key: `k${index}` });
    await notifier.stop();
    expect(receiver.received).toHaveLength(20);
  });

  it('is paged, newest first, and forgets what is old and at its end', async () => {
    for (let index = 0; index < 5; index += 1)
      await store.add([{ key: `k${index}`, channel: 'ops', kind: 'message', subject: null, runId: null, message }]);
    const first = await store.list({ limit: 3 });
    const second = await store.list({ limit: 3, cursor: first.nextCursor ?? '' });
    expect([...first.items, ...second.items].map(({ key }) => key)).toEqual(['k4', 'k3', 'k2', 'k1', 'k0']);
    expect(second.nextCursor).toBeNull();
    await expect(store.list({ limit: 3, cursor: 'x' })).rejects.toMatchObject({ code: 'API400' });
    const { due } = await store.claim(3, 60_000);
    for (const { id, attempts } of due) await store.settle(id, attempts, { status: 'sent' });
    expect(await store.prune(60_000)).toBe(0);
    expect(await store.prune(-1_000)).toBe(3);
    expect((await store.list({ limit: 10 })).items).toHaveLength(2);
  });
});

describe('what is late', () => {
  const schedule = {
    name: 'pipeline.nightly',
    cursor: 'pipeline.nightly',
    cron: '*/10 * * * *',
    timezone: undefined,
    pipeline: 'nightly',
    expect: { within: '5m' },
    notify: null,
  } as const;

  async function since(minutes: number): Promise<void> {
    await rig.db.query(
      `update mlops.expectations set judged_until = clock_timestamp() - $2 * interval '1 minute' where scope_id = $1`,
      [rig.scopeId, minutes],
    );
  }

  it('is told once, by the last of many instants, also where no run was made', async () => {
    const settings = settingsOf([{ to: 'ops' }, { to: 'team', on: ['failed'] }]);
    const look = () => latenessOf(settings, { schedules: () => [schedule] }).look();
    await look();
    expect((await store.list({ limit: 10 })).items).toEqual([]);
    await since(36);
    await Promise.all([look(), look()]);
    await look();
    const { items } = await store.list({ limit: 10 });
    expect(items).toHaveLength(1);
    expect(items[0]).toMatchObject({ channel: 'ops', kind: 'late', subject: 'pipeline.nightly', runId: null });
    expect(items[0]?.message.title).toBe('nightly is late');
    expect(items[0]?.message.text).toMatch(/No run was made of it.*\nSo are the [23] instants before it\.$/s);
  });

  it('and then there is told as a recovery, once, of a schedule and of a run that nobody scheduled', async () => {
    const settings = settingsOf([{ to: 'ops', on: ['late', 'recovered', 'succeeded'] }]);
    const lateness = latenessOf(settings, { schedules: () => [schedule], expectsWithin: () => true });
    await lateness.look();
    await since(36);
    await latenessOf(settings, { schedules: () => [schedule] }).look();
    const orchestrator = rig.open({ services: ingesting({}) });
    const submit = async (name: string, expect?: { within: string }) =>
      (
        await orchestrator.submit({
          pipeline: pipelineOf({ a: {} }, { name, ...(expect !== undefined && { expect }) }),
          cause: MANUAL,
        })
      ).runId;
    const quick = await submit('quick', { within: '10ms' });
    await until('the run is late', async () => {
      await latenessOf(settings, { expectsWithin: () => true }).look();
      return (await store.list({ limit: 10 })).items.some(({ runId }) => runId === quick);
    });
    await orchestrator.worker.start();
    const nightly = [await submit('nightly'), await submit('nightly')];
    for (const runId of [quick, ...nightly]) await ended(orchestrator, runId);
    open(settings).start();
    await allSent();
    const told = toldTo('/ops').map(({ event, title, text }) => [event, title, event === 'recovered' ? text : '']);
    expect(told.sort()).toEqual(
      [
        ['late', 'nightly is late', ''],
        ['late', 'quick is late', ''],
        ['recovered', 'nightly works again', 'It was late, and is there now.'],
        ['recovered', 'quick works again', 'It was late, and is there now.'],
        ['succeeded', 'nightly succeeded', ''],
      ].sort(),
    );
  });

  it('is looked for in each of several schedules of a pipeline', async () => {
    const settings = settingsOf([{ to: 'ops' }]);
    const second = { ...schedule, cursor: 'pipeline.nightly#123456789abc', cron: '5,15,25,35,45,55 * * * *' };
    const look = () => latenessOf(settings, { schedules: () => [schedule, second] }).look();
    await look();
    await since(36);
    await look();
    await look();
    expect((await store.list({ limit: 10 })).items.map(({ kind, subject }) => `${kind} ${subject}`)).toEqual([
      'late pipeline.nightly',
      'late pipeline.nightly',
    ]);
  });

  it('stands so until a run succeeds', async () => {
    const settings = settingsOf([]);
    const look = () => latenessOf(settings, { schedules: () => [schedule] }).look();
    const late = async () =>
      (
        await store.standing(
          [
            { name: 'nightly', schedules: ['pipeline.nightly'], within: '5m' },
            { name: 'other', schedules: ['pipeline.other'], within: null },
          ],
          5_000,
        )
      ).pipelines.map((one) => one.late);
    await look();
    expect(await late()).toEqual([false, false]);
    await since(36);
    await look();
    expect(await late()).toEqual([true, false]);
    const orchestrator = rig.open({ services: ingesting({}) });
    await orchestrator.worker.start();
    const { runId } = await orchestrator.submit({
      pipeline: pipelineOf({ a: {} }, { name: 'nightly' }),
      cause: MANUAL,
    });
    await ended(orchestrator, runId);
    expect(await late()).toEqual([false, false]);
    // The next instant that is missed is late anew.
    await since(16);
    await rig.db.query(`update mlops.subject_states set state = 'late before' where scope_id = $1`, [rig.scopeId]);
    await look();
    expect(await late()).toEqual([true, false]);
  });

  it('is not what succeeded in time', async () => {
    const settings = settingsOf([{ to: 'ops' }]);
    const look = () =>
      latenessOf(settings, { schedules: () => [{ ...schedule, cron: '* * * * *', expect: { within: '1m' } }] }).look();
    await look();
    await since(4.5);
    await rig.db.query(
      `with instants as (
         select i as instant, gen_random_uuid() as run_id
         from generate_series(date_trunc('minute', clock_timestamp()) - interval '5 minutes', clock_timestamp(), interval '1 minute') as i
       ), made as (
         insert into mlops.runs (run_id, scope_id, pipeline, spec, params, cause, status, started_at, finished_at)
         select run_id, $1, 'nightly', '{}', '{}', '{}', 'succeeded', instant, instant + interval '59 seconds' from instants
       )
       insert into mlops.schedule_instants (scope_id, schedule, instant, run_id)
       select $1, 'pipeline.nightly', instant, run_id from instants`,
      [rig.scopeId],
    );
    await look();
    expect((await store.list({ limit: 10 })).items).toEqual([]);
    await since(4.5);
    await rig.db.query(`update mlops.runs set finished_at = finished_at + interval '2 seconds' where scope_id = $1`, [
      rig.scopeId,
    ]);
    await look();
    expect((await store.list({ limit: 10 })).items[0]?.message.text).toMatch(/Its run was done only at/);
  });

  it('by a time of day is judged in the time zone of the schedule, and a new expectation begins anew', async () => {
    const settings = settingsOf([{ to: 'ops' }]);
    const daily = { ...schedule, cron: '0 2 * * *', timezone: 'America/Chicago', expect: { by: '06:00' } };
    const look = () => latenessOf(settings, { schedules: () => [daily] }).look();
    await look();
    await rig.db.query(`update mlops.expectations set judged_until = '2026-03-07T12:00:00Z' where scope_id = $1`, [
      rig.scopeId,
    ]);
    await rig.db.query(
      `insert into mlops.schedule_instants (scope_id, schedule, instant) values ($1, 'pipeline.nightly', '2026-03-08T08:00:00Z')`,
      [rig.scopeId],
    );
    await look();
    const { items } = await store.list({ limit: 10 });
    expect(items).toHaveLength(1);
    const data = items[0]?.message.data as { instant: string; deadline: string };
    const hours = (Date.parse(data.deadline) - Date.parse(data.instant)) / 3_600_000;
    expect([3, 4, 5]).toContain(hours);
    expect(
      new Intl.DateTimeFormat('en-GB', { timeZone: 'America/Chicago', hour: '2-digit', minute: '2-digit' }).format(
        new Date(data.deadline),
      ),
    ).toBe('06:00');
    await rig.db.query(`update mlops.expectations set judged_until = '2026-03-07T12:00:00Z' where scope_id = $1`, [
      rig.scopeId,
    ]);
    await latenessOf(settings, { schedules: () => [{ ...daily, expect: { by: '07:00' } }] }).look();
    expect((await store.list({ limit: 10 })).items).toHaveLength(1);
  });

  it('are runs that nobody scheduled too, once each', async () => {
    const settings = settingsOf([{ to: 'ops' }]);
    const orchestrator = rig.open();
    const quick = pipelineOf({ a: {} }, { name: 'quick', expect: { within: '50ms' } });
    const { runId } = await orchestrator.submit({ pipeline: quick, cause: MANUAL });
    await orchestrator.submit({
      pipeline: pipelineOf({ a: {} }, { name: 'slow', expect: { within: '1h' } }),
      cause: MANUAL,
    });
    await until('it is late', async () => {
      await latenessOf(settings, { expectsWithin: () => true }).look();
      return (await store.list({ limit: 10 })).items.length > 0;
    });
    await latenessOf(settings, { expectsWithin: () => true }).look();
    const { items } = await store.list({ limit: 10 });
    expect(items.map(({ runId: of, kind }) => [of, kind])).toEqual([[runId, 'late']]);
  });

  it('are feature sets until they are fresh again', async () => {
    const settings = settingsOf([{ to: 'ops' }]);
    let ageMs = 1;
    const look = () =>
      latenessOf(settings, { freshness: async () => [{ set: 'labs', ageMs, limitMs: 3_600_000 }] }).look();
    await look();
    ageMs = 2 * 3_600_000;
    await Promise.all([look(), look()]);
    await look();
    ageMs = 1;
    await look();
    await look();
    const { items } = await store.list({ limit: 10 });
    expect(items.map(({ kind, subject, message }) => [kind, subject, message.title])).toEqual([
      ['recovered', 'feature_set.labs', 'labs is fresh again'],
      ['late', 'feature_set.labs', 'labs is late'],
    ]);
  });
});
