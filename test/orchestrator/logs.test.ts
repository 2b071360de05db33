/** Logs as lines, searched over runs, and removed when they are old. */
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { Orchestrator } from '../../src/orchestrator/orchestrator.ts';
import { createRetention } from '../../src/orchestrator/retention.ts';
import { collect, ended, ingesting, MANUAL, openRig, pipelineOf, type Rig, until } from '../support/orchestrator.ts';
import { type FreshDatabase, freshDatabase } from '../support/postgres.ts';

let database: FreshDatabase;
let rig: Rig;
const signal = new AbortController().signal;

beforeAll(async () => {
  database = await freshDatabase();
});
afterAll(() => database.drop());
beforeEach(async () => {
  rig = await openRig(database.connectionString);
});
afterEach(() => rig.close());

/** An orchestrator whose task `a` writes these lines, and then waits for the gate. */
async function writing(lines: () => readonly string[], gate?: Promise<void>): Promise<Orchestrator> {
  const orchestrator = rig.open({
    services: ingesting({
      a: async ({ log }) => {
        for (const line of lines()) log(line);
        await gate;
      },
    }),
  });
  await orchestrator.worker.start();
  return orchestrator;
}

async function run(orchestrator: Orchestrator, name = 'p'): Promise<string> {
  const { runId } = await orchestrator.submit({ pipeline: pipelineOf({ a: {} }, { name }), cause: MANUAL });
  await ended(orchestrator, runId);
  return runId;
}

const texts = (lines: readonly { readonly text: string }[]): string[] => lines.map(({ text }) => text);

describe('the log of a task', () => {
  it('is read by level, text and the last lines', async () => {
    const orchestrator = await writing(() => ['INFO one', 'WARN two', 'ERROR three', '  at x', 'four', 'INFO five']);
    const runId = await run(orchestrator);
    const read = async (options: object) =>
      texts(await collect(orchestrator.logLines(runId, 'a', { signal, ...options })));
    expect(await read({ level: 'warn' })).toEqual(['WARN two', 'ERROR three', '  at x']);
    expect(await read({ grep: 'f' })).toEqual(['INFO one', 'four', 'INFO five']);
    expect((await read({ tail: 3 })).slice(0, 2)).toEqual(['four', 'INFO five']);
    expect(await read({ tail: 1, level: 'warn' })).toEqual(['  at x']);
    expect(await read({ tail: 0 })).toEqual([]);
    expect(await read({ since: new Date(Date.now() + 3_600_000) })).toEqual([]);
    const [line] = await collect(orchestrator.logLines(runId, 'a', { signal, level: 'error' }));
    expect(line).toMatchObject({
      level: 'error',
      stream: 'out',
      text: 'ERROR three',
      attempt: 1,
      at: expect.any(Date),
    });
  });

  it('is followed from its last lines on', async () => {
    let open: () => void = () => {};
    const gate = new Promise<void>((resolve) => {
      open = resolve;
    });
    const orchestrator = rig.open({
      services: ingesting({
        a: async ({ log }) => {
          for (let index = 0; index < 50; index += 1) log(`line ${index}`);
          await gate;
          log('the end');
        },
      }),
    });
    await orchestrator.worker.start();
    const { runId } = await orchestrator.submit({ pipeline: pipelineOf({ a: {} }), cause: MANUAL });
    await until('it wrote', async () =>
      (await rig.runs.readLog(runId, 'a', 1, 0, 10))?.chunks.some(({ text }) => text.includes('line 49')),
    );
    const got: string[] = [];
    for await (const { text } of orchestrator.logLines(runId, 'a', { signal, follow: true, tail: 2 })) {
      got.push(text);
      if (text === 'line 49') open();
    }
    // The operator has the last word.
    expect(got.slice(0, -1)).toEqual(['line 48', 'line 49', 'the end']);
  });
});

describe('a search', () => {
  it('finds lines in the newest runs first, within one pipeline, also where a text is cut between two parts of the log', async () => {
    let lines: readonly string[] = ['nothing here'];
    const orchestrator = await writing(() => lines);
    const first = await run(orchestrator);
    lines = ['ERROR customer 4711 is unknown'];
    const second = await run(orchestrator);
    const other = await run(orchestrator, 'other');
    // As a program writes that is slow in the middle of a line.
    await rig.db.query(
      `insert into mlops.task_logs (run_id, ordinal, attempt, seq, stream, text)
       values ($1, 0, 1, 100, 'out', 'ERROR custo'), ($1, 0, 1, 101, 'err', 'between'), ($1, 0, 1, 102, 'out', E'mer 4711 again\\n')`,
      [first],
    );
    const found = await orchestrator.searchLogs({ pipeline: 'p', grep: 'customer 4711', signal });
    expect(found.items.map(({ runId, text }) => [runId, text])).toEqual([
      [second, 'ERROR customer 4711 is unknown'],
      [first, 'ERROR customer 4711 again'],
    ]);
    expect(found).toMatchObject({ nextCursor: null, searchedRuns: 2, skippedRuns: [] });
    expect((await orchestrator.searchLogs({ pipeline: 'other', grep: '4711', signal })).items[0]?.runId).toBe(other);
    expect((await orchestrator.searchLogs({ pipeline: 'p', level: 'error', signal })).items).toHaveLength(2);
    expect(
      (await orchestrator.searchLogs({ pipeline: 'p', level: 'error', grep: 'again', signal })).items,
    ).toHaveLength(1);
    expect((await orchestrator.searchLogs({ pipeline: 'p', grep: 'Customer 4711', signal })).items).toEqual([]);
    await expect(orchestrator.searchLogs({ pipeline: 'p', signal })).rejects.toMatchObject({ code: 'API400' });
  });

  it('takes no more time than it may, however many runs there are, and goes on from its cursor', async () => {
    const RUNS = 3_000;
    await rig.db.query(
      `with made as (
         insert into mlops.runs (run_id, scope_id, pipeline, spec, params, cause, status, created_at, started_at, finished_at)
         select gen_random_uuid(), $1, 'many', '{}', '{}', '{}', 'succeeded', clock_timestamp() - i * interval '1 minute', clock_timestamp(), clock_timestamp()
         from generate_series(1, $2::integer) i returning run_id, created_at
       ), tasks as (
         insert into mlops.tasks (run_id, ordinal, scope_id, name, operator, status, trigger_rule, needs, dependents, priority, cpu, memory_bytes, gpu)
         select run_id, 0, $1, 'a', 'command', 'succeeded', 'all_success', '{}', '{}', 0, 0, 0, 0 from made
       )
       select 1`,
      [rig.scopeId, RUNS],
    );
    await rig.db.query(
      `insert into mlops.task_attempts (run_id, ordinal, attempt, scope_id, worker_id, node, cpu, memory_bytes, gpu, lease_until, status, ended_at)
       select run_id, 0, 1, $1, gen_random_uuid(), 'n', 0, 0, 0, clock_timestamp(), 'succeeded', clock_timestamp()
       from mlops.runs where scope_id = $1 and pipeline = 'many'`,
      [rig.scopeId],
    );
    await rig.db.query(
      `insert into mlops.task_logs (run_id, ordinal, attempt, seq, stream, text)
       select run_id, 0, 1, 1, 'out', case when n % 1000 = 0 then E'needle\\n' else repeat(E'hay\\n', 200) end
       from (select run_id, row_number() over (order by created_at desc) as n from mlops.runs where scope_id = $1 and pipeline = 'many') r`,
      [rig.scopeId],
    );
    const orchestrator = rig.open();
    const all = await orchestrator.searchLogs({ pipeline: 'many', grep: 'needle', withinMs: 60_000, signal });
    expect(all).toMatchObject({ searchedRuns: RUNS, nextCursor: null });
    expect(all.items).toHaveLength(3);
    // A time that is over after the first look: the rest is found by going on.
    let cursor: string | undefined;
    let [rounds, searched, found] = [0, 0, 0];
    do {
      const part = await orchestrator.searchLogs({ pipeline: 'many', grep: 'needle', withinMs: 1, cursor, signal });
      cursor = part.nextCursor ?? undefined;
      searched += part.searchedRuns;
      found += part.items.length;
      rounds += 1;
    } while (cursor !== undefined);
    expect({ searched, found }).toEqual({ searched: RUNS, found: 3 });
    expect(rounds).toBeGreaterThan(10);
    const few = await orchestrator.searchLogs({ pipeline: 'many', grep: 'hay', limit: 5, signal });
    expect(few.searchedRuns).toBe(50);
    expect(few.nextCursor).not.toBeNull();
    await expect(
      orchestrator.searchLogs({ pipeline: 'many', grep: 'x', cursor: 'nonsense', signal }),
    ).rejects.toMatchObject({ code: 'API400' });
  });
});

describe('retention', () => {
  it('removes logs and events of old runs that are at their end, each after its time, and leaves the runs', async () => {
    const orchestrator = await writing(() => ['hello']);
    const old = await run(orchestrator);
    const young = await run(orchestrator);
    await rig.db.query(`update mlops.runs set created_at = clock_timestamp() - interval '10 days' where run_id = $1`, [
      old,
    ]);
    let now = 0;
    const day = 86_400_000;
    const prune = createRetention({
      runs: rig.runs,
      logsMs: 5 * day,
      eventsMs: 20 * day,
      artifactsMs: 20 * day,
      runArtifacts: { prune: async () => 0 },
      removeFiles: async () => {},
      nowMs: () => now,
    });
    await prune();
    const count = async (table: string, runId: string): Promise<number> =>
      Number(
        (await rig.db.query<{ n: number }>(`select count(*) as n from mlops.${table} where run_id = $1`, [runId]))[0]
          ?.n,
      );
    expect([await count('task_logs', old), await count('task_logs', young)]).toEqual([0, 1]);
    expect(await count('run_events', old)).toBeGreaterThan(0);
    await rig.db.query(`update mlops.runs set created_at = clock_timestamp() - interval '30 days' where run_id = $1`, [
      old,
    ]);
    now += day;
    await prune();
    expect(await count('run_events', old)).toBe(0);
    expect(await count('run_events', young)).toBeGreaterThan(0);
    expect((await orchestrator.get(old))?.status).toBe('succeeded');
    expect(await collect(orchestrator.logs(old, 'a', { signal }))).toEqual([]);
  });
});
