/**
 * Daemons as on several machines, each in a folder of its own, by role on one Postgres: schedulers, workers and an API. Any of them is
 * killed at any time, and comes back a moment later.
 */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { openDatabase } from '../../src/stores/postgres/database.ts';
import { seededRandom } from '../../src/training/random.ts';
import { type FreshDatabase, freshDatabase } from '../support/postgres.ts';
import { emptyProject, type RunningCommand, type TestProject, until } from '../support/project.ts';

const ROLES = ['scheduler', 'scheduler', 'worker', 'worker', 'api'] as const;
const RUNS = 6;
const SEED = Number(process.env['MLOPS_SEED'] ?? 1);

let database: FreshDatabase;
const machines: TestProject[] = [];
const daemons: RunningCommand[] = [];
let url = '';
beforeAll(async () => {
  database = await freshDatabase({ empty: true });
});
afterAll(async () => {
  await Promise.all(machines.map((machine) => machine.remove()));
  await database.drop();
});

const config = `
project: shared
environments: { dev: { control: { postgres: '\${env:DATABASE_URL}' } } }
resources:
  - kind: Pipeline
    name: p
    tasks:
      a: { operator: command, command: 'sleep 0.4; echo a', resources: { cpu: 0.25 } }
      b: { operator: command, command: 'sleep 0.4; echo b', needs: [a], resources: { cpu: 0.25 } }
      c: { operator: command, command: 'sleep 0.2; echo c', needs: [a], resources: { cpu: 0.25 } }
      d: { operator: command, command: 'echo d', needs: [b, c], resources: { cpu: 0.25 } }
  - kind: Pipeline
    name: ticking
    schedule: { cron: '*/2 * * * * *' }
    tasks: { tick: { operator: command, command: 'echo tick', resources: { cpu: 0.1 } } }
`;

async function bring(place: number): Promise<void> {
  const daemon = machines[place]!.start(['daemon', '--role', ROLES[place]!, '--port', '0'], {
    env: { ...process.env, DATABASE_URL: database.connectionString },
  });
  daemons[place] = daemon;
  await daemon.says('ready');
  const { stdout, stderr } = daemon.output();
  url = /ready on (http:\S+)/.exec(stdout + stderr)?.[1] ?? url;
}

it('lose no run, fire no instant twice and leave nothing behind', { timeout: 300_000 }, async () => {
  for (const [place] of ROLES.entries()) {
    const machine = emptyProject(`machine ${place}`);
    writeFileSync(join(machine.folder, 'mlops.config.yaml'), config);
    machines.push(machine);
  }
  const env = { ...process.env, DATABASE_URL: database.connectionString };
  const applied = await machines[0]!.mlops(['apply', '--yes'], { env });
  expect(applied.code, applied.stderr).toBe(0);
  await Promise.all(ROLES.map((_, place) => bring(place)));

  const random = seededRandom(SEED);
  const db = openDatabase({ connectionString: database.connectionString });
  try {
    const runIds: string[] = [];
    for (let n = 0; n < RUNS; n += 1) {
      const answer = await fetch(`${url}/api/v1/runs`, {
        method: 'POST',
        headers: { 'idempotency-key': `run ${n}` },
        body: JSON.stringify({ pipeline: 'p' }),
      });
      runIds.push(((await answer.json()) as { run_id: string }).run_id);
      await pause(300 * random.next());
      const place = n % ROLES.length;
      daemons[place]!.kill('SIGKILL');
      await daemons[place]!.ended;
      await bring(place);
    }
    const ends = await until(async () => {
      const rows = await db.query<{ run_id: string; status: string }>(
        `select run_id, status from mlops.runs where run_id = any($1) and finished_at is not null`,
        [runIds],
      );
      return rows.length === RUNS && rows;
    }, 120_000);
    expect(ends.map(({ status }) => status)).toEqual(ends.map(() => 'succeeded'));
    await until(
      async () =>
        (await db.query(`select 1 from mlops.runs where pipeline = 'ticking' and status = 'succeeded'`)).length > 2,
      60_000,
    );
    expect(
      await db.query(
        `select cause ->> 'instant' as instant from mlops.runs where pipeline = 'ticking' group by 1 having count(*) > 1`,
      ),
    ).toEqual([]);
    for (const daemon of daemons) daemon.kill('SIGTERM');
    const ended = await Promise.all(daemons.map((daemon) => daemon.ended));
    expect(ended.map(({ code }) => code)).toEqual(ROLES.map(() => 0));
    expect(await db.query('select 1 from mlops.task_attempts where ended_at is null')).toEqual([]);
    expect(await db.query('select 1 from mlops.workers where lease_until > clock_timestamp()')).toEqual([]);
  } finally {
    await db.close();
  }
});
