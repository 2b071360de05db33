/** An environment whose control store is a Postgres server that is there already, shared with others. */
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Plan } from '../../src/plan/plan.ts';
import { type Database, openDatabase } from '../../src/stores/postgres/database.ts';
import { type FreshDatabase, freshDatabase } from '../support/postgres.ts';
import { healthcareProject } from '../support/project.ts';

const project = healthcareProject('external');
let database: FreshDatabase;
let env: { DATABASE_URL: string };

beforeAll(async () => {
  database = await freshDatabase({ empty: true });
  env = { DATABASE_URL: database.connectionString };
});

afterAll(async () => {
  await project.remove();
  await database.drop();
}, 60_000);

const prod = (...args: readonly string[]) => project.mlops([...args, '--env', 'prod'], { env });

async function withDatabase<T>(body: (db: Database) => Promise<T>): Promise<T> {
  const db = openDatabase({ connectionString: database.connectionString, max: 1 });
  try {
    return await body(db);
  } finally {
    await db.close();
  }
}

async function schemas(): Promise<readonly string[]> {
  const rows = await withDatabase((db) =>
    db.query<{ name: string }>("select nspname as name from pg_namespace where nspname = 'mlops'"),
  );
  return rows.map(({ name }) => name);
}

describe('an external control store', () => {
  it('is left as it is by plan, and starts no server of ours', async () => {
    const plan = await prod('plan', '--detailed-exitcode');
    expect([plan.code, plan.stdout]).toEqual([2, expect.stringContaining('Plan for healthcare/prod: 9 to create')]);
    expect(await schemas()).toEqual([]);
    expect(existsSync(join(project.folder, '.mlops/postgres'))).toBe(false);
  });

  it('takes applies and runs', { timeout: 120_000 }, async () => {
    const applied = await prod('apply', '--yes');
    expect(applied.code, applied.stderr).toBe(0);
    expect(await schemas()).toEqual(['mlops']);
    const run = await prod('run', 'weekly_retraining', '--follow');
    expect(run.code, run.stderr).toBe(0);
    expect((await prod('models', 'list')).stdout).toMatch(/^pbc_mortality +1 +production/m);
    const planned = await prod('plan');
    expect(planned.stdout).toBe('Nothing to change: healthcare/prod is as the specs say (9 resources).\n');
    expect((await prod('features', 'list')).stdout).toMatch(/^patient_labs +patient +5 +version 1 +1945/m);
  });

  it('tells plans what changes cost, whom they touch, and what a destroy would leave behind', {
    timeout: 60_000,
  }, async () => {
    const config = join(project.folder, 'mlops.config.ts');
    const text = readFileSync(config, 'utf8');
    writeFileSync(config, text.replace('interval 365 days', 'interval 180 days'));
    const plan = await prod('plan');
    writeFileSync(config, text);
    expect(plan.stdout).toMatch(
      /recompute 1,945 rows over 5,\d{3} days, [\d.]+ kB, about \d+ s \(as many rows as version 1 has; last measured [\d,]+\s+rows\/s\s+on\s+\d{4}-\d\d-\d\d\)/,
    );
    expect(plan.stdout).toMatch(/affects endpoint\.mortality \(.*no predictions in 7 days\)/);
    expect(plan.stdout).toMatch(/^To recompute: 1,945 rows of 1 feature set, /m);

    await withDatabase(async (db) => {
      await db.query(
        `insert into mlops.runs (run_id, scope_id, pipeline, spec, params, cause)
         select gen_random_uuid(), scope_id, 'weekly_retraining', '{}', '{}', '{}' from mlops.scopes where environment = 'prod'`,
      );
    });
    const destroy = await prod('plan', '--destroy', '--json');
    await withDatabase((db) => db.query("delete from mlops.runs where status = 'queued'"));
    const { changes } = JSON.parse(destroy.stdout) as Plan;
    const findings = changes.flatMap((change) => change.findings);
    expect(findings.find(({ code }) => code === 'MD101')?.detail).toContain('Its version can be neither promoted');
    expect(findings.find(({ code }) => code === 'PL101')).toMatchObject({
      severity: 'error',
      detail: expect.stringContaining('pipeline.weekly_retraining has 1 run that did not end'),
    });
  });

  it('shows a file that lost a column, and is as the specs say once that is applied', { timeout: 60_000 }, async () => {
    const data = join(project.folder, 'examples/healthcare/data/pbcseq.csv');
    const text = readFileSync(data, 'utf8');
    const without = (column: string): string => {
      const at = text.slice(0, text.indexOf('\n')).split(',').indexOf(`"${column}"`);
      return text
        .split('\n')
        .map((line) =>
          line
            .split(',')
            .filter((_, index) => index !== at)
            .join(','),
        )
        .join('\n');
    };
    writeFileSync(data, without('spiders'));
    const lost = await prod('plan');
    expect(lost.stdout).toContain('~ source.visits  safe  column spiders is gone');
    expect(lost.stdout).toContain('- file.columns.spiders  "BIGINT"');
    expect((await prod('apply', '--yes')).code).toBe(0);
    expect((await prod('plan')).stdout).toContain('Nothing to change');
    // A feature is made from this one: the specs do not even load.
    writeFileSync(data, without('bili'));
    expect((await prod('plan')).stderr).toContain('error SP203');
    writeFileSync(data, text);
    expect((await prod('plan')).stdout).toContain('column spiders is new');
  });

  it('is named by its variable, whose value is nowhere to be read', async () => {
    const missing = await project.mlops(['plan', '--env', 'prod'], { env: { DATABASE_URL: undefined } });
    expect([missing.code, missing.stderr]).toEqual([
      1,
      expect.stringContaining('error SP110 Unset environment variable'),
    ]);
    const unreachable = await project.mlops(['plan', '--env', 'prod'], {
      env: { DATABASE_URL: 'postgres://someone:hunter2@127.0.0.1:1/none' },
    });
    expect([unreachable.code, unreachable.stderr]).toEqual([1, expect.stringContaining('error ST101')]);
    expect(unreachable.stderr).not.toContain('hunter2');
    const saved = await prod('plan', '--out', 'prod.plan');
    expect(saved.code, saved.stderr).toBe(0);
    const password = new URL(database.connectionString).password;
    expect(readFileSync(join(project.folder, 'prod.plan'), 'utf8')).not.toContain(password);
  });

  it('holds environments that do not see each other', async () => {
    const dev = await project.mlops(['plan', '--detailed-exitcode'], { env });
    expect([dev.code, dev.stdout]).toEqual([2, expect.stringContaining('Plan for healthcare/dev: 9 to create')]);
    const wrong = await project.mlops(['plan', '--env', 'prd'], { env });
    expect([wrong.code, wrong.stderr]).toEqual([1, expect.stringContaining('did you mean "prod"?')]);
  });
});
