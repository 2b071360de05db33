/** Whether a feature set keeps its own schedule, told by the control store's clock where it is asked. */
import { randomUUID } from 'node:crypto';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { qualityGauges } from '../../src/api/quality-gauges.ts';
import { featureSetView } from '../../src/api/views.ts';
import { insightView } from '../../src/api/views-quality.ts';
import { freshnessWord, insightText } from '../../src/cli/insight-text.ts';
import type { SetInsight } from '../../src/features/insight.ts';
import type { Specs } from '../support/features.ts';
import { type FeatureStore, openFeatureStore, writeCsv } from '../support/features.ts';
import { type FreshDatabase, freshDatabase } from '../support/postgres.ts';
import { type TemporaryDirectory, temporaryDirectory } from '../support/temporary-directory.ts';

const HOUR_MS = 3_600_000;
const DAILY = '0 2 * * *';

let database: FreshDatabase;
let directory: TemporaryDirectory;
let store: FeatureStore;
let specs: Specs;
/** How far the control store's clock has gone on. */
let aheadMs = 0;
let scopes = 0;
beforeAll(async () => {
  database = await freshDatabase();
});
afterAll(() => database?.drop());
beforeEach(async () => {
  aheadMs = 0;
  specs = {
    source: [{ name: 'raw', file: 'raw.csv' }],
    entity: [{ name: 'thing', keys: { id: 'int64' } }],
    feature_set: [
      {
        name: 'readings',
        entity: 'thing',
        source: 'raw',
        eventTime: 'at',
        features: { value: { dtype: 'float64' } },
        materialize: { cron: DAILY },
      },
    ],
  };
  directory = await temporaryDirectory();
  store = await openFeatureStore({
    root: directory.path,
    connectionString: database.connectionString,
    specs: () => specs,
    scope: `timeliness-${scopes++}`,
    featureState: (real) => ({ ...real, now: async () => new Date((await real.now()).getTime() + aheadMs) }),
  });
  await writeCsv(join(directory.path, 'raw.csv'), ['id', 'at', 'value'], [[1, '2024-03-01', 10]]);
  await store.features.ingest('raw', store.call);
  await store.features.materialize('readings', store.call);
});
afterEach(async () => {
  await store.close();
  await directory.remove();
});

const insight = async (): Promise<SetInsight> => {
  const [found] = await store.features.insights('readings');
  if (found === undefined) throw new Error('the set is not there');
  return found;
};
const scopeId = async (): Promise<number> =>
  (await store.db.query<{ scope_id: number }>('select max(scope_id) as scope_id from mlops.scopes'))[0]!.scope_id;
const recorded = async (serial: number, ago: string, materialize: object | null, address = 'feature_set.readings') =>
  store.db.query(
    `insert into mlops.state_history (scope_id, serial, at, who, operation, action, address, resource)
     values ($1, $2, clock_timestamp() + $3::interval, 'me', 'apply', 'update', $4, $5)`,
    [await scopeId(), serial, ago, address, JSON.stringify({ spec: { name: 'readings', materialize } })],
  );
/** It was registered and last filled by so much earlier. */
const longAgo = async (interval: string): Promise<void> => {
  await store.db.query(`update mlops.online_fills set at = at - interval '${interval}'`);
  await store.db.query(`update mlops.feature_set_versions set registered_at = registered_at - interval '${interval}'`);
};
const running = async (): Promise<void> => {
  await store.db.query(
    `insert into mlops.runs (run_id, scope_id, pipeline, spec, params, cause, status)
     values ($1, $2, 'feature_set.readings', '{}', '{}', '{}', 'running')`,
    [randomUUID(), await scopeId()],
  );
};

describe('a feature set with a schedule of its own', () => {
  it('is on time until a minute after the first instant that no materialization has met, and late from then on', async () => {
    const { dueAt } = (await insight()).schedule ?? {};
    const now = await store.featureState.now();
    if (dueAt == null) throw new Error('nothing is due');
    expect(dueAt.toISOString()).toMatch(/T02:00:00.000Z$/);
    aheadMs = dueAt.getTime() + 55_000 - now.getTime();
    expect((await insight()).schedule).toMatchObject({ isLate: false, dueAt });
    aheadMs += 10_000;
    expect((await insight()).schedule).toMatchObject({ isLate: true, dueAt, cron: DAILY, timezone: 'UTC' });
    // Days later it is the same instant that was not met.
    aheadMs += 72 * HOUR_MS;
    expect((await insight()).schedule).toMatchObject({ isLate: true, dueAt });
  });

  it('is on time again with the next materialization, also where that finds nothing new', async () => {
    await longAgo('25 hours');
    expect((await insight()).schedule?.isLate).toBe(true);
    await store.features.materialize('readings', store.call);
    expect((await insight()).schedule?.isLate).toBe(false);
  });

  it('is not late while the run of the instant is under way, but once the next instant has passed as well', async () => {
    await running();
    aheadMs = 24 * HOUR_MS + 120_000;
    expect((await insight()).schedule).toMatchObject({ isUnderWay: true, isLate: false });
    aheadMs = 49 * HOUR_MS;
    expect((await insight()).schedule).toMatchObject({ isUnderWay: true, isLate: true });
  });

  it('owes no instant from before it had this schedule', async () => {
    await longAgo('9 days');
    await recorded(1, '-9 days', null);
    await recorded(2, '-2 seconds', { cron: DAILY });
    // Edits of anything else do not put it off.
    await recorded(3, '-1 second', { cron: DAILY, lookback: '1d' });
    const { schedule } = await insight();
    expect(schedule?.isLate).toBe(false);
    expect(schedule?.dueAt?.getTime()).toBeGreaterThan(Date.now());
  });

  it('owes all of them where the schedule stood all the time, whatever else was edited', async () => {
    await longAgo('9 days');
    await recorded(1, '-8 days', { cron: DAILY });
    await recorded(2, '-1 second', { cron: DAILY, lookback: '1d' });
    const { schedule } = await insight();
    expect(schedule?.isLate).toBe(true);
    expect(schedule?.dueAt?.getTime()).toBeLessThan(Date.now() - 6 * 24 * HOUR_MS);
  });

  it('is told to be late on the terminal, over HTTP and as a metric', async () => {
    aheadMs = 49 * HOUR_MS;
    const late = await insight();
    expect(freshnessWord(late)).toBe('late');
    expect(insightText(late)).toMatch(/^planned {2}0 2 \* \* \* UTC, LATE: due .* 02:00:00, last materialized /m);
    expect(insightView(late).schedule).toMatchObject({ late: true, under_way: false, cron: DAILY });
    expect(featureSetView(await store.features.describe('readings')).schedule).toMatchObject({ late: true });
    expect((await store.features.list()).map((set) => featureSetView(set).schedule)).toMatchObject([{ late: true }]);
    const gauge = (insights: readonly SetInsight[]) =>
      qualityGauges(insights).find(({ name }) => name === 'mlops_feature_set_late')?.samples;
    expect(gauge([late])).toEqual([{ labels: { feature_set: 'readings' }, value: 1 }]);
    aheadMs = 0;
    expect(gauge([await insight()])).toEqual([{ labels: { feature_set: 'readings' }, value: 0 }]);
  });

  it('has nothing to be late with where it has no schedule', async () => {
    specs = { ...specs, feature_set: specs.feature_set!.map(({ materialize: _, ...set }) => set) };
    aheadMs = 49 * HOUR_MS;
    const found = await insight();
    expect([found.schedule, freshnessWord(found)]).toEqual([null, '-']);
    expect(qualityGauges([found]).find(({ name }) => name === 'mlops_feature_set_late')?.samples).toEqual([]);
  });
});
