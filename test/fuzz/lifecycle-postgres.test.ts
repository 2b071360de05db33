/** Random lives of projects on a real Postgres, with children that are really killed. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { openControlDatabase } from '../../src/stores/postgres/control-database.ts';
import type { Database } from '../../src/stores/postgres/database.ts';
import { type FreshDatabase, freshDatabase } from '../support/postgres.ts';
import { fuzz, textOfFound } from './fuzz.ts';
import { postgresSite } from './postgres-site.ts';

const SEED = 77_000;
const CASES = 12;

let fresh: FreshDatabase;
let db: Database;
beforeAll(async () => {
  fresh = await freshDatabase();
  db = await openControlDatabase({ connectionString: fresh.connectionString });
});
afterAll(async () => {
  await db?.close();
  await fresh?.drop();
});

describe('a project on Postgres', () => {
  it(`stays explained and converges through ${CASES} random lives`, async () => {
    let held = 0;
    let sites = 0;
    const found = await fuzz({
      cases: CASES,
      firstSeed: SEED,
      site: () => {
        sites += 1;
        return postgresSite(db, fresh.connectionString, `life_${sites}`);
      },
      onCase: () => {
        held += 1;
      },
    });
    if (found !== undefined) throw new Error(textOfFound(found));
    expect(held).toBe(CASES);
  }, 300_000);
});
