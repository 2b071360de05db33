/** The visits of the healthcare project as a table of a hospital's Postgres, for both offline stores: the same rows as from the file. */
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Database, openDatabase } from '../../src/stores/postgres/database.ts';
import { type FreshDatabase, freshDatabase } from '../support/postgres.ts';
import { healthcareProject } from '../support/project.ts';

const project = healthcareProject('database sources');
const config = join(project.folder, 'mlops.config.ts');
let hospital: FreshDatabase;
let warehouse: FreshDatabase;
let db: Database;
let env: NodeJS.ProcessEnv;

/** The file as a table; its columns are numbers but for the patient's sex. */
async function fill(): Promise<void> {
  const [header = '', ...lines] = readFileSync(join(project.folder, 'examples/healthcare/data/pbcseq.csv'), 'utf8')
    .trim()
    .split('\n');
  const names = header.split(',');
  const whole = new Set(['"id"', '"day"', '"status"', '"futime"']);
  const type = (name: string) => (name === '"sex"' ? 'text' : whole.has(name) ? 'integer' : 'double precision');
  await db.query(`create schema clinic`);
  await db.query(`create table clinic.visits (${names.map((name) => `${name} ${type(name)}`).join(', ')})`);
  const rows = lines.map((line) => line.split(',').map((field) => (field === 'NA' ? null : field.replaceAll('"', ''))));
  const values = names.map((name, index) => `(r ->> ${index})::${type(name)}`);
  await db.query(`insert into clinic.visits select ${values.join(', ')} from json_array_elements($1::json) r`, [
    JSON.stringify(rows),
  ]);
  await db.query(
    `create view clinic."Seen.visits" as select *, timestamp '1974-01-01' + day * interval '1 day' as event_time from clinic.visits`,
  );
}

beforeAll(async () => {
  [hospital, warehouse] = await Promise.all([freshDatabase({ empty: true }), freshDatabase({ empty: true })]);
  db = openDatabase({ connectionString: hospital.connectionString, max: 1 });
  env = { EHR_URL: hospital.connectionString, WAREHOUSE_URL: warehouse.connectionString };
  await fill();
  const text = readFileSync(config, 'utf8');
  writeFileSync(
    config,
    text.replace('dev: {},', "dev: {},\n    shared: { offline: { postgres: env('WAREHOUSE_URL') } },"),
  );
}, 60_000);

afterAll(async () => {
  await project.remove();
  await db.close();
  await hospital.drop();
  await warehouse.drop();
}, 60_000);

const run = (environment: string, ...args: readonly string[]) =>
  project.mlops([...args, '--env', environment], { env });

/** Puts what stands for the file in the place of it. */
function readingFrom(source: string): void {
  const text = readFileSync(config, 'utf8');
  const at = text.indexOf("source('visits', {");
  const end = text.indexOf('});', at);
  writeFileSync(config, `${text.slice(0, at)}source('visits', { ${source} ${text.slice(end)}`);
}

async function history(environment: string): Promise<string> {
  for (const set of ['patient_labs', 'patient_trend']) {
    const made = await run(environment, 'features', 'materialize', set);
    expect(made.code, made.stderr).toBe(0);
  }
  const spine = join(project.folder, 'spine.csv');
  const lines = Array.from({ length: 640 }, (_, row) => `${1 + (row % 320)},${1974 + (row % 14)}-06-${1 + (row % 28)}`);
  writeFileSync(spine, `id,event_time\n${lines.join('\n')}\n`);
  const out = join(project.folder, `${environment}.csv`);
  const made = await run(
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
  expect(made.code, made.stderr).toBe(0);
  return readFileSync(out, 'utf8');
}

describe('a source in a Postgres of the user', () => {
  let fromFile: string;

  it('gives the rows that the file gave, as a table and as a query, to DuckDB and to a warehouse', {
    timeout: 300_000,
  }, async () => {
    expect((await run('dev', 'apply', '--yes')).code).toBe(0);
    fromFile = await history('dev');
    const table = `database: env('EHR_URL'), table: 'clinic."Seen.visits"'`;
    const query = `database: env('EHR_URL'), query: sql\`select *, timestamp '1974-01-01' + make_interval(days => day) as event_time from clinic.visits\``;
    for (const [environment, source] of [
      ['shared', table],
      ['dev', query],
      ['dev', table],
    ] as const) {
      readingFrom(source);
      const applied = await run(environment, 'apply', '--yes');
      expect(applied.code, applied.stderr).toBe(0);
      expect(await history(environment)).toBe(fromFile);
    }
  });

  it('is planned with its columns and without its address', { timeout: 60_000 }, async () => {
    const planned = await run('dev', 'plan', '--json', '--destroy', '--target', 'source.visits');
    const { password } = new URL(hospital.connectionString);
    expect(planned.stdout.replaceAll(/\s/g, '')).toContain('"database":{"$env":"EHR_URL"}');
    expect(planned.stdout).not.toContain(password);
    const text = readFileSync(config, 'utf8');
    writeFileSync(
      config,
      text.replace("albumin: { dtype: 'float64'", "albumin: { column: 'albumen', dtype: 'float64'"),
    );
    const wrong = await run('dev', 'plan');
    writeFileSync(config, text.replace('Seen.visits', 'Seen.visit'));
    const gone = await run('dev', 'plan');
    writeFileSync(config, text);
    expect(wrong.stderr).toContain('error SP203 Unknown column');
    expect(wrong.stderr).toContain('did you mean "albumin"?');
    expect(gone.stderr).toContain('error FS204 Source cannot be read');
    expect(gone.stderr).toContain('relation "clinic.Seen.visit" does not exist');
    expect(gone.stderr).toMatch(/mlops\.config\.ts:\d+:\d+/);
  });

  it('is read again where its rows changed', { timeout: 120_000 }, async () => {
    const retrain = async () => {
      const ran = await run('dev', 'run', 'weekly_retraining', '--follow');
      expect(ran.code, ran.stderr).toBe(0);
      return (await run('dev', 'features', 'list')).stdout;
    };
    expect(await retrain()).toMatch(/^patient_labs .* 1945\b/m);
    await db.query('insert into clinic.visits (id, day, bili) values (1, 9000, 3.5)');
    expect(await retrain()).toMatch(/^patient_labs .* 1946\b/m);
  });

  it('that is away is a warning of the plan and an error of the run', { timeout: 60_000 }, async () => {
    const gone = { ...env, EHR_URL: 'postgres://someone:hunter2@127.0.0.1:1/none' };
    const planned = await project.mlops(['plan'], { env: gone });
    expect(planned.code).toBe(0);
    expect(planned.stderr).toMatch(
      /warning ST130 [\s\S]*The Postgres of the source visits does not answer \(ECONNREFUSED\)/,
    );
    const ran = await project.mlops(['run', 'weekly_retraining', '--follow'], { env: gone });
    expect(ran.code).not.toBe(0);
    expect(planned.stdout + planned.stderr + ran.stdout + ran.stderr).not.toContain('hunter2');
    const unset = await project.mlops(['plan'], { env: { ...env, EHR_URL: undefined } });
    expect(unset.stderr).toContain('warning SP110');
  });
});
