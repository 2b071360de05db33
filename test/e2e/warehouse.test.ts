/** The healthcare project with its rows in a Postgres warehouse: the same answers as from DuckDB's files, and what goes wrong with a server. */
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Database, openDatabase } from '../../src/stores/postgres/database.ts';
import { type FreshDatabase, freshDatabase } from '../support/postgres.ts';
import { healthcareProject } from '../support/project.ts';

const SCHEMA = 'mlops:healthcare:shared';
const project = healthcareProject('warehouse');
let database: FreshDatabase;
let db: Database;
let env: { WAREHOUSE_URL: string };

beforeAll(async () => {
  database = await freshDatabase({ empty: true });
  db = openDatabase({ connectionString: database.connectionString, max: 1 });
  env = { WAREHOUSE_URL: database.connectionString };
  const config = join(project.folder, 'mlops.config.ts');
  const text = readFileSync(config, 'utf8');
  writeFileSync(
    config,
    text
      .replace('dev: {},', "dev: {},\n    shared: { offline: { postgres: env('WAREHOUSE_URL') } },")
      .replace('import { ', 'import { env, '),
  );
});

afterAll(async () => {
  await project.remove();
  await db.close();
  await database.drop();
}, 60_000);

const run = (environment: string, ...args: readonly string[]) =>
  project.mlops([...args, '--env', environment], { env });

async function tables(): Promise<readonly string[]> {
  const rows = await db.query<{ name: string }>(
    'select table_name as name from information_schema.tables where table_schema = $1 order by 1',
    [SCHEMA],
  );
  return rows.map(({ name }) => name.replace(/_[0-9a-f]{16}$/, ''));
}

describe('a Postgres warehouse', () => {
  it('is not touched by plan', async () => {
    const plan = await run('shared', 'plan');
    expect(plan.code, plan.stderr).toBe(0);
    expect(plan.stderr).toBe('');
    expect(plan.stdout).toContain('runs on Postgres, the query: SELECT id, event_time, COUNT(*) OVER w AS visits_365d');
    expect(plan.stdout).toContain('runs on Postgres, tasks.dataset.spine: SELECT');
    expect(await db.query('select nspname from pg_namespace where nspname like $1', ['mlops%'])).toEqual([]);
  });

  it('checks each query before it runs, and tells what it refuses at its place in the file', {
    timeout: 60_000,
  }, async () => {
    const config = join(project.folder, 'mlops.config.ts');
    const text = readFileSync(config, 'utf8');
    const line = text.split('\n').findIndex((one) => one.includes('count(*) over w as visits_365d')) + 1;
    const edited = async (find: string, replacement: string) => {
      writeFileSync(config, text.replace(find, replacement));
      const found = await run('shared', 'plan');
      writeFileSync(config, text);
      return found;
    };
    const refused = await edited('count(*) over w as visits_365d', 'entropy(bili) over w as visits_365d');
    expect(refused.code).toBe(1);
    expect(refused.stderr).toContain('error SP206 Translated query refused by the store');
    expect(refused.stderr).toContain(`mlops.config.ts:${line}`);
    expect(refused.stderr).toContain('function entropy(double precision) does not exist');
    const untranslated = await edited('count(*) over w as visits_365d', 'len(list(bili) over w) as visits_365d');
    expect(untranslated.stderr).toContain('error SP205 Query has no translation');
    expect(untranslated.stderr).toContain('lists, structs and maps');
    expect(await db.query('select nspname from pg_namespace where nspname like $1', ['mlops%'])).toEqual([]);
  });

  it('holds what DuckDB holds, and gives the same training data and the same model', { timeout: 300_000 }, async () => {
    const spine = join(project.folder, 'spine.csv');
    const lines = Array.from({ length: 900 }, (_, row) => {
      const time = new Date(Date.UTC(1974, 0, 1 + ((row * 37) % 5200), row % 24)).toISOString();
      return `${1 + (row % 320)},${time}`;
    });
    writeFileSync(spine, `id,event_time\n${lines.join('\n')}\n`);
    const results: { history: string; metrics: string; sets: string }[] = [];
    for (const environment of ['dev', 'shared']) {
      const applied = await run(environment, 'apply', '--yes');
      expect(applied.code, applied.stderr).toBe(0);
      const retrained = await run(environment, 'run', 'weekly_retraining', '--follow');
      expect(retrained.code, retrained.stderr).toBe(0);
      const out = join(project.folder, `${environment}.csv`);
      const history = await run(
        environment,
        'features',
        'history',
        '--service',
        'mortality_inputs',
        '--spine',
        spine,
        '--out',
        out,
      );
      expect(history.code, history.stderr).toBe(0);
      const model = await run(environment, 'models', 'show', 'pbc_mortality', '--json');
      results.push({
        history: readFileSync(out, 'utf8'),
        metrics: JSON.stringify((JSON.parse(model.stdout) as { metrics: unknown }).metrics),
        sets: (await run(environment, 'features', 'list')).stdout,
      });
    }
    const [embedded, warehouse] = results;
    expect(warehouse?.history.split('\n')).toHaveLength(902);
    expect(warehouse?.history).toBe(embedded?.history);
    expect(warehouse?.metrics).toBe(embedded?.metrics);
    expect(warehouse?.sets).toMatch(/^patient_labs +patient +5 +version 1 +1945/m);
    expect(await tables()).toEqual([
      'grown_snapshots',
      'migrations',
      'parts',
      'set_patient_labs_v1',
      'set_patient_trend_v1',
      'source_visits',
    ]);
    expect((await run('shared', 'plan')).stdout).toContain('Nothing to change');
  });

  it('tells of rows that are gone, and makes them again', { timeout: 120_000 }, async () => {
    await db.query(`drop table "${SCHEMA}".set_patient_labs_v1`);
    const refreshed = await run('shared', 'plan', '--refresh-only');
    expect(refreshed.stdout).toContain('ST207');
    expect(refreshed.stdout).toContain('patient_labs');
    const repaired = await run('shared', 'features', 'materialize', 'patient_labs', '--repair');
    expect(repaired.code, repaired.stderr).toBe(0);
    expect((await run('shared', 'plan', '--refresh-only')).stdout).not.toContain('ST207');
    expect(await db.query(`select count(*) as rows from "${SCHEMA}".set_patient_labs_v1`)).toEqual([{ rows: 1945 }]);
    const again = await run('shared', 'features', 'materialize', 'patient_labs');
    expect(again.stderr + again.stdout).toContain('0 written');
  });

  it('that is away is told in bounded time, and its password nowhere', { timeout: 120_000 }, async () => {
    const secret = 'hunter2';
    const gone = { WAREHOUSE_URL: `postgres://someone:${secret}@127.0.0.1:1/none` };
    const said: string[] = [];
    for (const args of [
      ['doctor'],
      ['features', 'materialize', 'patient_labs'],
      ['plan', '--refresh-only'],
      ['apply', '--yes'],
    ]) {
      const { stdout, stderr } = await project.mlops([...args, '--env', 'shared'], { env: gone });
      said.push(stdout + stderr);
    }
    expect(said[0]).toMatch(
      /✗ offline store +ST130 The Postgres of the offline store does not answer \(ECONNREFUSED\)/,
    );
    expect(said[1]).toContain('error ST130 Offline store unreachable');
    expect(said[2]).toContain('does not answer');
    // What was found right before is not asked again; what is new is planned all the same, and said to be unchecked.
    const config = join(project.folder, 'mlops.config.ts');
    const text = readFileSync(config, 'utf8');
    writeFileSync(config, text.replace('interval 365 days', 'interval 180 days'));
    const unchecked = await project.mlops(['plan', '--env', 'shared'], { env: gone });
    writeFileSync(config, text);
    expect(unchecked.stdout).toContain('~ feature_set.patient_trend');
    expect(unchecked.stderr).toMatch(/warning ST130 Offline store unreachable[\s\S]*So the queries were not checked/);
    for (const text of said) expect(text).not.toContain(secret);
    const odd = { WAREHOUSE_URL: `postgres://someone:${secret}@[bad` };
    const refused = await project.mlops(['features', 'materialize', 'patient_labs', '--env', 'shared'], { env: odd });
    expect(refused.stderr).toContain('error ST131 Offline store cannot be used');
    expect(refused.stderr).not.toContain(secret);
    const { stdout } = await run('shared', 'doctor');
    expect(stdout).toMatch(/✓ offline store +Postgres \d+[^,]*, database \w+, schema mlops:healthcare:shared\n/);
  });

  it('holds nothing of a set that was destroyed', { timeout: 120_000 }, async () => {
    const destroyed = await run('shared', 'destroy', '--yes');
    expect(destroyed.code, destroyed.stderr).toBe(0);
    expect((await tables()).filter((name) => name.startsWith('set_'))).toEqual([]);
  });
});
