import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { createScheduleTicker, materializationOf, schedulesOf } from '../../src/orchestrator/schedules.ts';
import type { NewRun, RunCause } from '../../src/stores/control/runs.ts';
import { type FakeCatalog, fakeCatalog } from '../support/fake-catalog.ts';
import { ended, ingesting, openRig, pipelineOf, type Rig, until } from '../support/orchestrator.ts';
import { type FreshDatabase, freshDatabase } from '../support/postgres.ts';

describe('the schedules of what is applied', () => {
  it('are those of pipelines and of feature sets that materialize by themselves', () => {
    const catalog = fakeCatalog();
    catalog.put(
      'pipeline',
      'p',
      pipelineOf({ a: {} }, { schedule: { cron: '0 0 * * 0', timezone: 'America/Chicago', overlap: 'cancel' } }),
    );
    catalog.put('pipeline', 'by_hand', pipelineOf({ a: {} }));
    catalog.put('feature_set', 'labs', { name: 'labs', materialize: { cron: '0 2 * * *', lookback: '2d' } });
    catalog.put('feature_set', 'trend', { name: 'trend' });
    expect(schedulesOf(catalog)).toMatchObject([
      { name: 'pipeline.p', cron: '0 0 * * 0', timezone: 'America/Chicago', catchup: 'none', overlap: 'cancel' },
      { name: 'feature_set.labs', cron: '0 2 * * *', catchup: 'last', overlap: 'skip' },
    ]);
  });

  it('of a feature set bring its sources up to date first, inputs before what is made from them', () => {
    const catalog = fakeCatalog();
    catalog.put('source', 'visits', { name: 'visits' });
    catalog.put('source', 'severe', { name: 'severe' }, ['source.visits']);
    catalog.put('feature_set', 'labs', { name: 'labs', materialize: { cron: '0 2 * * *' } }, [
      'entity.patient',
      'source.severe',
    ]);
    const [schedule] = schedulesOf(catalog);
    expect(schedule?.pipeline.tasks).toMatchObject({
      ingest_1: { operator: 'data_ingestion', source: 'visits', needs: [] },
      ingest_2: { operator: 'data_ingestion', source: 'severe', needs: ['ingest_1'] },
      materialize: { operator: 'feature_materialization', featureSets: ['labs'], needs: ['ingest_2'] },
    });
    expect(materializationOf('labs', []).tasks).toMatchObject({ materialize: { needs: [] } });
  });
});

describe('instants', () => {
  const at = (text: string): Date => new Date(`2026-03-08T${text}Z`);
  let catalog: FakeCatalog;
  let fired: string[];
  let stand: { cursor: Date; checkedAt: Date; now: Date };

  beforeEach(() => {
    catalog = fakeCatalog();
    fired = [];
  });

  function ticker(cron: string, more: { readonly timezone?: string; readonly catchup?: 'none' | 'last' | 'all' } = {}) {
    catalog.put('pipeline', 'p', pipelineOf({ a: {} }, { schedule: { cron, ...more } }));
    return createScheduleTicker({
      catalog,
      newRun: async (_, cause: RunCause) => ({ cause }) as NewRun,
      report: () => {},
      runs: {
        schedule: async () => stand,
        advanceSchedule: async (_, cursor) => {
          stand = { ...stand, cursor, checkedAt: stand.now };
        },
        touchSchedules: async () => stand.now,
        fire: async (_, run) => {
          fired.push(run.cause.instant!.slice(11, 19));
          return 'skipped';
        },
      },
    });
  }

  it('that passed since the last look fire in order, once', async () => {
    stand = { cursor: at('10:00:00'), checkedAt: at('10:02:55'), now: at('10:03:01') };
    const schedules = ticker('* * * * *');
    await schedules.tick();
    await schedules.tick();
    expect(fired).toEqual(['10:01:00', '10:02:00', '10:03:00']);
  });

  it('that nobody was there for are left out, or the last is made up for, or all', async () => {
    const missed = async (catchup: 'none' | 'last' | 'all'): Promise<readonly string[]> => {
      fired = [];
      stand = { cursor: at('10:00:00'), checkedAt: at('10:00:10'), now: at('13:00:05') };
      await ticker('0 * * * *', { catchup }).tick();
      return fired;
    };
    expect(await missed('none')).toEqual([]);
    expect(await missed('last')).toEqual(['13:00:00']);
    expect(await missed('all')).toEqual(['11:00:00', '12:00:00', '13:00:00']);
  });

  it('in the gap of daylight saving fire at the first valid one after it', async () => {
    // New York's clocks go from 2:00 to 3:00 at 7:00 UTC.
    stand = { cursor: at('06:59:00'), checkedAt: at('06:59:58'), now: at('07:00:01') };
    await ticker('30 2 * * *', { timezone: 'America/New_York' }).tick();
    expect(fired).toEqual(['07:00:00']);
  });
});

describe('a scheduler', () => {
  let database: FreshDatabase;
  let rig: Rig;
  beforeAll(async () => {
    database = await freshDatabase();
    rig = await openRig(database.connectionString);
  });
  afterAll(async () => {
    await rig.close();
    await database.drop();
  });

  it('beside another runs each second of a schedule once, with its instant as the cause', async () => {
    rig.catalog.put(
      'pipeline',
      'every_second',
      pipelineOf({ a: {} }, { name: 'every_second', schedule: { cron: '* * * * * *' } }),
    );
    const one = rig.open({ services: ingesting() });
    const two = rig.open({ services: ingesting() });
    await Promise.all([one.scheduler.start(), two.scheduler.start(), one.worker.start()]);
    const runs = await until('three have run', async () => {
      const { items } = await one.list({ pipeline: 'every_second', limit: 100 });
      return items.length >= 3 && items;
    });
    await Promise.all([one.scheduler.stop(), two.scheduler.stop()]);
    const instants = runs.map((run) => run.cause.instant!);
    expect(new Set(instants).size).toBe(instants.length);
    const times = instants.map((instant) => Date.parse(instant)).sort();
    expect(times.slice(1).map((time, index) => time - times[index]!)).toEqual(times.slice(1).map(() => 1000));
    expect(runs[0]!.cause).toMatchObject({ kind: 'schedule', schedule: 'pipeline.every_second', who: null });
    expect((await ended(one, runs.at(-1)!.runId)).status).toBe('succeeded');
  });
});
