/** What was logged row by row is told from blocks by the same list. */
import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { type Database, openDatabase } from '../../../src/stores/postgres/database.ts';
import { migrate } from '../../../src/stores/postgres/migrate.ts';
import { readMigrations } from '../../../src/stores/postgres/migrations.ts';
import { postgresPredictionLog } from '../../../src/stores/postgres/postgres-prediction-log.ts';
import { freshScope } from '../../support/models.ts';
import { type FreshDatabase, freshDatabase } from '../../support/postgres.ts';

let database: FreshDatabase;
let db: Database;
beforeAll(async () => {
  database = await freshDatabase({ empty: true });
  db = openDatabase({ connectionString: database.connectionString });
});
afterAll(async () => {
  await db.close();
  await database.drop();
});

it('keeps every row that was logged before there were blocks, its time to the microsecond included', async () => {
  const migrations = readMigrations();
  const blocks = migrations.findIndex(({ name }) => name === 'prediction_blocks');
  await migrate(db, migrations.slice(0, blocks));
  const scopeId = await freshScope(db);
  const rows = Array.from({ length: 2_500 }, (_, at) => ({
    id: randomUUID(),
    endpoint: at % 3 === 0 ? 'triage' : 'mortality',
    at: 1_700_000_000_000_000 + at * 40_123,
  }));
  await db.query(
    `insert into mlops.predictions (prediction_id, scope_id, request_id, ordinal, endpoint, variant, model, version, entity, features,
       prediction, latency_ms, reads, at)
     select id, $1, 'r ' || id, 0, endpoint, 'control', 'risk', 2, '{"id": 7}', '{"labs.b": 1.5, "labs.a": "x\\u0001"}',
       '{"label": 1, "probability": 0.75}', 1.25, case when endpoint = 'triage' then '{"sets": {}}'::json end,
       'epoch'::timestamptz + at * interval '1 microsecond'
     from json_to_recordset($2::json) as r (id uuid, endpoint text, at bigint)`,
    [scopeId, JSON.stringify(rows)],
  );
  await migrate(db, migrations);
  const log = postgresPredictionLog(db, scopeId);
  const seen: string[] = [];
  let cursor: string | undefined;
  do {
    const page = await log.list({ limit: 700, cursor });
    seen.push(...page.items.map(({ id }) => id));
    cursor = page.nextCursor ?? undefined;
  } while (cursor !== undefined);
  expect(seen).toEqual(rows.map(({ id }) => id).reverse());
  const asked = rows[1_001]!;
  expect((await log.list({ requestId: `r ${asked.id}`, limit: 2 })).items).toEqual([
    {
      id: asked.id,
      requestId: `r ${asked.id}`,
      ordinal: 0,
      endpoint: 'mortality',
      variant: 'control',
      role: 'answer',
      model: 'risk',
      version: 2,
      entity: { id: 7 },
      features: { 'labs.b': 1.5, 'labs.a': 'x\u0001' },
      prediction: { label: 1, probability: 0.75 },
      latencyMs: 1.25,
      at: new Date(Math.floor(asked.at / 1_000)),
    },
  ]);
  expect((await log.list({ endpoint: 'triage', limit: 1 })).items[0]!.reads).toEqual({ sets: {} });
});
