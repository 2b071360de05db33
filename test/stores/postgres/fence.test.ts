/** Effects that are done for an apply: nothing once it has ended, and the next apply waits for those under way. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { FeatureSetStructure } from '../../../src/spec/feature-set-structure.ts';
import type { ApplyJournal, StateStore } from '../../../src/stores/control/state.ts';
import { whileOpen } from '../../../src/stores/postgres/apply-journal.ts';
import { type Database, openDatabase } from '../../../src/stores/postgres/database.ts';
import { createPostgresFeatureState } from '../../../src/stores/postgres/postgres-feature-state.ts';
import { postgresState } from '../../../src/stores/postgres/postgres-state.ts';
import { ensureScope } from '../../../src/stores/postgres/scopes.ts';
import { eventually } from '../../support/eventually.ts';
import { type FreshDatabase, freshDatabase } from '../../support/postgres.ts';

let fresh: FreshDatabase;
let db: Database;
let scopeId: number;
let state: StateStore;
beforeAll(async () => {
  fresh = await freshDatabase();
  db = openDatabase({ connectionString: fresh.connectionString });
  scopeId = await ensureScope(db, { project: 'fenced', environment: 'dev' });
  state = postgresState(db, scopeId);
});
afterAll(async () => {
  await db.close();
  await fresh.drop();
});

const structure: FeatureSetStructure = {
  keys: { id: 'int64' },
  source: 'visits',
  query: null,
  eventTime: 't',
  createdTime: null,
  features: {},
};

async function begun(): Promise<ApplyJournal> {
  const { lineage, serial } = await state.read();
  const head = { who: 'ada', planDigest: 'p', specDigest: 's', gitCommit: null, root: '/', changes: 1 };
  return state.beginApply({ ...head, lineage, serial });
}

describe('an effect of an apply', () => {
  it('changes nothing once another apply has begun', async () => {
    const features = createPostgresFeatureState(db, scopeId);
    const late = await begun();
    expect(await features.registerVersion('labs', 'one', structure, late.applyId)).toBe(1);
    const next = await begun();
    await expect(features.registerVersion('labs', 'two', structure, late.applyId)).rejects.toMatchObject({
      code: 'AP101',
    });
    await expect(features.drop('labs', late.applyId)).rejects.toMatchObject({ code: 'AP101' });
    expect((await features.versions('labs')).map(({ version, digest }) => [version, digest])).toEqual([[1, 'one']]);
    expect(await features.registerVersion('labs', 'two', structure, next.applyId)).toBe(2);
    await next.end('succeeded');
    await expect(features.drop('labs', next.applyId)).rejects.toMatchObject({ code: 'AP101' });
  });

  it('that is under way holds the next apply back until it is done', async () => {
    const first = await begun();
    let next: Promise<ApplyJournal> | undefined;
    let begunNext = false;
    await db.transaction(async (tx) => {
      await whileOpen(tx, scopeId, [first.applyId, undefined]);
      next = begun();
      void next.then(() => {
        begunNext = true;
      });
      await eventually(async () => {
        const waiting = await db.query("select pid from pg_stat_activity where wait_event_type = 'Lock'");
        expect(waiting).toHaveLength(1);
      });
      expect(begunNext).toBe(false);
    });
    await (await next)?.end('succeeded');
  });
});
