import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Database, openDatabase } from '../../../src/stores/postgres/database.ts';
import { eventually } from '../../support/eventually.ts';
import { type FreshDatabase, freshDatabase } from '../../support/postgres.ts';

let fresh: FreshDatabase;
let db: Database;
beforeAll(async () => {
  fresh = await freshDatabase({ empty: true });
  db = openDatabase({ connectionString: fresh.connectionString });
  await db.query('create table counters (id int primary key, n int)');
});
afterAll(async () => {
  await db.close();
  await fresh.drop();
});

const endOthers = (): Promise<unknown> =>
  db.query(
    'select pg_terminate_backend(pid) from pg_stat_activity where datname = current_database() and pid <> pg_backend_pid()',
  );

describe('a transaction', () => {
  it('is tried again where it lost against another', async () => {
    await db.query('insert into counters values (1, 0), (2, 0)');
    let attempts = 0;
    let arrived = 0;
    const cross = (first: number, second: number): Promise<void> =>
      db.transaction(async (tx) => {
        attempts += 1;
        await tx.query('update counters set n = n + 1 where id = $1', [first]);
        arrived += 1;
        // Both hold what the other wants: a deadlock, which the server ends.
        await eventually(() => expect(arrived).toBeGreaterThanOrEqual(2));
        await tx.query('update counters set n = n + 1 where id = $1', [second]);
      });
    await Promise.all([cross(1, 2), cross(2, 1)]);
    expect(attempts).toBeGreaterThan(2);
    expect(await db.query('select n from counters where id in (1, 2)')).toEqual([{ n: 2 }, { n: 2 }]);
  });

  it('undoes everything where its body throws', async () => {
    const failing = db.transaction(async (tx) => {
      await tx.query('insert into counters values (3, 0)');
      throw new Error('no');
    });
    await expect(failing).rejects.toThrow('no');
    expect(await db.query('select 1 from counters where id = 3')).toEqual([]);
  });

  it('does not pass for done where its body went on after a failed statement', async () => {
    const careless = db.transaction(async (tx) => {
      await tx.query('insert into counters values (4, 0)');
      await tx.query('select 1 / 0').catch(() => {});
    });
    await expect(careless).rejects.toThrow('went on');
    expect(await db.query('select 1 from counters where id = 4')).toEqual([]);
  });

  it('writes nothing where it is read-only', async () => {
    const writing = db.transaction((tx) => tx.query('insert into counters values (5, 0)'), { readOnly: true });
    await expect(writing).rejects.toMatchObject({ code: '25006' });
  });

  it('whose connection dies between two statements fails with ST101, and the process lives on', async () => {
    const other = openDatabase({ connectionString: fresh.connectionString });
    const cut = other.transaction(async (tx) => {
      await tx.query('select 1');
      await endOthers();
      await tx.query('select 1');
    });
    await expect(cut).rejects.toMatchObject({ code: 'ST101', retryable: true });
    expect(await other.query('select 1 as one')).toEqual([{ one: 1 }]);
    await other.close();
  });
});

describe('listening', () => {
  it('hears what is told on its channel, and says once after each reconnect that something may be lost', async () => {
    const heard: string[] = [];
    const stop = await db.listen('a "channel"', (payload) => heard.push(payload));
    await db.query(`select pg_notify('a "channel"', 'one')`);
    await eventually(() => expect(heard).toEqual(['one']));
    await endOthers();
    await eventually(() => expect(heard).toEqual(['one', '']));
    await db.query(`select pg_notify('a "channel"', 'two')`);
    await eventually(() => expect(heard).toEqual(['one', '', 'two']));
    await stop();
  });
});
