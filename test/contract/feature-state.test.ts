/** What every feature state promises: scopes apart, numbers without gaps, one snapshot of one content, pushes whole or not at all. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { FeatureSetStructure } from '../../src/spec/feature-set-structure.ts';
import type { FeatureState } from '../../src/stores/control/feature-state.ts';
import { type Database, openDatabase } from '../../src/stores/postgres/database.ts';
import { createPostgresFeatureState } from '../../src/stores/postgres/postgres-feature-state.ts';
import { ensureScope } from '../../src/stores/postgres/scopes.ts';
import { type FreshDatabase, freshDatabase } from '../support/postgres.ts';

const structure: FeatureSetStructure = {
  keys: { zebra: 'int64', ant: 'string' },
  source: 'raw',
  query: null,
  eventTime: 'at',
  createdTime: null,
  features: { zz: { dtype: 'int64', column: 'zz', expr: null }, a: { dtype: 'float64', column: 'a', expr: null } },
};
const { signal } = new AbortController();

describe('the feature state: postgres', () => {
  let database: FreshDatabase;
  let db: Database;
  let mine: FeatureState;
  let others: FeatureState;
  beforeAll(async () => {
    database = await freshDatabase();
    db = openDatabase({ connectionString: database.connectionString, max: 12 });
    mine = createPostgresFeatureState(db, await ensureScope(db, { project: 'p', environment: 'mine' }));
    others = createPostgresFeatureState(db, await ensureScope(db, { project: 'p', environment: 'others' }));
  });
  afterAll(async () => {
    await db.close();
    await database.drop();
  });
  const snapshot = (source: string, digest: string) => ({
    source,
    digest,
    location: `sources/${source}/${digest}`,
    rows: 3,
    bytes: 2 ** 40,
    columns: [
      { name: 'b', type: 'BIGINT' },
      { name: 'a', type: 'VARCHAR' },
    ],
  });

  it('records a snapshot once while its content stays, also when many do at once', async () => {
    const added = await Promise.all(Array.from({ length: 8 }, () => mine.addSnapshot(snapshot('s', 'aa'))));
    expect(added.filter(({ changed }) => changed)).toHaveLength(1);
    expect((await mine.addSnapshot(snapshot('s', 'bb'))).changed).toBe(true);
    expect((await mine.addSnapshot(snapshot('s', 'aa'))).changed).toBe(true);
    expect(await mine.latestSnapshot('s')).toMatchObject(snapshot('s', 'aa'));
    expect(await mine.latestSnapshot('t')).toBeUndefined();
    expect(await others.latestSnapshots()).toEqual([]);
  });

  it('numbers versions without gaps, and keeps the order of keys and features', async () => {
    const digests = ['a', 'b', 'c', 'd', 'e', 'f'];
    const versions = await Promise.all(digests.map((digest) => mine.registerVersion('numbered', digest, structure)));
    expect([...versions].sort()).toEqual([1, 2, 3, 4, 5, 6]);
    const newest = (await mine.versions('numbered')).at(-1);
    expect(await mine.registerVersion('numbered', newest?.digest ?? '', structure)).toBe(6);
    expect(JSON.stringify(newest?.structure)).toBe(JSON.stringify(structure));
    expect(newest).toMatchObject({
      status: 'registered',
      eventWatermark: null,
      inputs: null,
      rows: 0,
      parts: 0,
      servingSince: null,
    });
    expect(await others.versions()).toEqual([]);
  });

  it('lets a version whose rows come by push alone serve at once', async () => {
    const pushed = { ...structure, source: null };
    expect(await mine.registerVersion('filled by push', 'first', pushed)).toBe(1);
    expect(await mine.registerVersion('filled by push', 'first', pushed)).toBe(1);
    expect(await mine.versions('filled by push')).toMatchObject([
      { status: 'serving', servingSince: expect.any(Date) },
    ]);
  });

  it('moves both watermarks with what they stand for', async () => {
    await mine.registerVersion('marked', 'a', structure);
    await mine.materializing('marked', 1, signal, async (claim) => {
      const part = {
        location: 'p1',
        rows: 5,
        bytes: 9,
        sequence: await claim.nextSequence(),
        minEventTime: 20n,
        maxEventTime: 100n,
        maxVisibleTime: 9_007_199_254_740_993n,
      };
      await claim.commitPart(part);
      await claim.commitPart({ ...part, location: 'p2', sequence: await claim.nextSequence(), maxEventTime: -5n });
      expect((await mine.versions('marked'))[0]).toMatchObject({
        status: 'registered',
        eventWatermark: 100n,
        rows: 10,
        parts: 2,
      });
      await claim.complete({ raw: 'dd' });
    });
    expect((await mine.versions('marked'))[0]).toMatchObject({
      status: 'serving',
      inputs: { raw: 'dd' },
      servingSince: expect.any(Date),
    });
    expect(
      (await mine.parts('marked', 1)).map(({ location, minEventTime, maxVisibleTime }) => [
        location,
        minEventTime,
        maxVisibleTime,
      ]),
    ).toEqual([
      ['p1', 20n, 9_007_199_254_740_993n],
      ['p2', 20n, 9_007_199_254_740_993n],
    ]);
  });

  it('forgets parts that are gone, and with them that the sources are materialized completely', async () => {
    await mine.registerVersion('repaired', 'a', structure);
    await mine.materializing('repaired', 1, signal, async (claim) => {
      const part = {
        location: 'p1',
        rows: 5,
        bytes: 9,
        sequence: 1,
        minEventTime: null,
        maxEventTime: 100n,
        maxVisibleTime: 100n,
      };
      await claim.commitPart(part);
      await claim.commitPart({ ...part, location: 'p2', sequence: 2 });
      await claim.complete({ raw: 'dd' });
      await claim.forgetParts(['p1', 'never there']);
      expect(await mine.parts('repaired', 1)).toMatchObject([{ location: 'p2' }]);
      // It goes on serving what is left.
      expect(await mine.versions('repaired')).toMatchObject([
        { status: 'serving', inputs: null, eventWatermark: 100n },
      ]);
      expect(await mine.drop('repaired')).toHaveLength(1);
      await expect(claim.forgetParts(['p2'])).rejects.toMatchObject({ code: 'FS207' });
    });
  });

  it('lets nobody materialize what is dropped', async () => {
    await mine.registerVersion('dropped', 'a', structure);
    await mine.materializing('dropped', 1, signal, async (claim) => {
      expect(await mine.drop('dropped')).toEqual([{ set: 'dropped', version: 1, storage: 'dropped' }]);
      await expect(claim.complete({})).rejects.toMatchObject({ code: 'FS207', retryable: true });
    });
    await expect(mine.materializing('dropped', 1, signal, async () => {})).rejects.toMatchObject({ code: 'FS207' });
    expect(await mine.versions('dropped')).toEqual([]);
    expect(await mine.drop('never')).toEqual([]);
    expect(await mine.registerVersion('dropped', 'a', structure)).toBe(2);
  });

  it('waits for the claim until it is told not to', async () => {
    await mine.registerVersion('waited', 'a', structure);
    await mine.materializing('waited', 1, signal, async () => {
      const controller = new AbortController();
      const waiting = mine.materializing('waited', 1, controller.signal, async () => 'never');
      controller.abort(new Error('enough'));
      await expect(waiting).rejects.toThrow();
      // Another scope's set of the same name is another set.
      await others.registerVersion('waited', 'a', structure);
      expect(await others.materializing('waited', 1, signal, async () => 'at once')).toBe('at once');
    });
  });

  it('leaves connections to those that hold claims, however many sets are materialized at once', async () => {
    const few = openDatabase({ connectionString: database.connectionString, max: 3 });
    const state = createPostgresFeatureState(few, await ensureScope(few, { project: 'p', environment: 'few' }));
    const sets = Array.from({ length: 6 }, (_, index) => `set-${index}`);
    for (const set of sets) await state.registerVersion(set, 'a', structure);
    const work = sets.map((set) => state.materializing(set, 1, signal, (claim) => claim.nextSequence()));
    expect(new Set(await Promise.all(work)).size).toBe(6);
    await few.close();
  });

  it('prepares pushes of a set one at a time', async () => {
    await mine.registerVersion('prepared', 'a', structure);
    let underWay = 0;
    const prepare = async () => {
      underWay += 1;
      expect(underWay).toBe(1);
      await mine.now();
      return [];
    };
    const push = () =>
      mine.push({ set: 'prepared', version: 1, recorded: true }, prepare, async () => {
        underWay -= 1;
      });
    await Promise.all([push(), push(), push()]);
  });

  it('records a push whole or not at all, in order, until a part has it', async () => {
    await mine.registerVersion('pushed', 'a', structure);
    const row = (n: number) => ({
      key: { zebra: n },
      eventTime: BigInt(n),
      createdTime: n % 2 === 0 ? null : -1n,
      values: { a: n / 2 },
    });
    await expect(
      mine.push(
        { set: 'pushed', version: 1, recorded: true },
        async () => [row(1)],
        () => Promise.reject(new Error('online is full')),
      ),
    ).rejects.toThrow('online is full');
    expect(await mine.pendingUpdates('pushed', 1, 10)).toEqual([]);
    const pushes = Array.from({ length: 6 }, (_, index) =>
      mine.push(
        { set: 'pushed', version: 1, recorded: true },
        async () => [row(index * 2), row(index * 2 + 1)],
        async () => {},
      ),
    );
    await Promise.all(pushes);
    const pending = await mine.pendingUpdates('pushed', 1, 5);
    expect(pending).toHaveLength(5);
    expect(pending.map(({ sequence }) => sequence)).toEqual(
      pending.map(({ sequence }) => sequence).sort((a, b) => a - b),
    );
    for (const update of pending) expect(update).toMatchObject(row(Number(update.eventTime)));
    const through = pending[4]?.sequence ?? 0;
    await mine.materializing('pushed', 1, signal, (claim) =>
      claim.commitPart(
        {
          location: 'p',
          rows: 5,
          bytes: 1,
          sequence: through,
          minEventTime: null,
          maxEventTime: 1n,
          maxVisibleTime: 1n,
        },
        through,
      ),
    );
    const rest = await mine.pendingUpdates('pushed', 1, 100);
    expect(rest).toHaveLength(7);
    expect(Math.min(...rest.map(({ sequence }) => sequence))).toBeGreaterThan(through);
  });

  it('gives rows that are not to be recorded an order of their own among the others', async () => {
    await mine.registerVersion('served only', 'a', structure);
    const row = { key: { zebra: 1 }, eventTime: 1n, createdTime: null, values: { a: 1 } };
    const seen: number[] = [];
    for (const recorded of [true, false, true])
      await mine.push(
        { set: 'served only', version: 1, recorded },
        async () => [row, row],
        async (rows) => {
          expect(rows).toHaveLength(2);
          seen.push(...rows.map(({ sequence }) => sequence));
        },
      );
    expect(seen).toEqual([...new Set(seen)].sort((a, b) => a - b));
    const pending = await mine.pendingUpdates('served only', 1, 10);
    expect(pending.map(({ sequence }) => sequence)).toEqual([seen[0], seen[1], seen[4], seen[5]]);
  });
});
