/** The events of all runs as one feed: left and taken up again anywhere, nothing is lost, doubled or out of order. */
import fc from 'fast-check';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { MlopsError } from '../../src/lib/error.ts';
import type { FeedFilter, RunFeed } from '../../src/stores/control/run-feed.ts';
import { createPostgresRunFeed } from '../../src/stores/postgres/postgres-run-feed.ts';
import { collect, ended, ingesting, MANUAL, openRig, pipelineOf, type Rig, until } from '../support/orchestrator.ts';
import { type FreshDatabase, freshDatabase } from '../support/postgres.ts';

let database: FreshDatabase;
let rig: Rig;
let feed: RunFeed;

beforeAll(async () => {
  database = await freshDatabase();
});
afterAll(() => database.drop());
beforeEach(async () => {
  rig = await openRig(database.connectionString);
  feed = createPostgresRunFeed(rig.db, rig.scopeId);
});
afterEach(() => rig.close());

interface Seen {
  readonly runId: string;
  readonly seq: number;
}

/** Everything up to now; `limit` at a time, and each time from the position of an event in the middle of what came. */
async function readAll(from: string, limit: number, filter: FeedFilter = {}, leaveAt = (count: number) => count) {
  const seen: (Seen & { readonly status: string; readonly task: string | null; readonly pipeline: string })[] = [];
  let position = from;
  for (;;) {
    const part = await feed.after(position, filter, limit);
    const taken = part.events.slice(0, Math.max(1, leaveAt(part.events.length)));
    seen.push(...taken);
    if (taken.length < part.events.length) {
      position = taken.at(-1)?.position ?? position;
      continue;
    }
    position = part.position;
    if (!part.more && part.events.length === 0) return { seen, position };
  }
}

async function written(): Promise<readonly Seen[]> {
  return rig.db.query<{ runId: string; seq: number }>(
    `select e.run_id as "runId", e.seq from mlops.run_events e join mlops.runs r using (run_id) where r.scope_id = $1`,
    [rig.scopeId],
  );
}

const sorted = (seen: readonly Seen[]): readonly string[] => seen.map(({ runId, seq }) => `${runId} ${seq}`).sort();

function outOfOrder(seen: readonly Seen[]): readonly string[] {
  const last = new Map<string, number>();
  return seen.flatMap(({ runId, seq }) => {
    const before = last.get(runId) ?? 0;
    last.set(runId, seq);
    return seq === before + 1 ? [] : [`${runId}: ${before} then ${seq}`];
  });
}

describe('a reader of the feed', () => {
  it('that leaves and comes back anywhere, while runs go on, sees each event once and those of a run in order', {
    timeout: 60_000,
  }, async () => {
    const start = await feed.now();
    const orchestrators = [rig.open({ services: ingesting() }), rig.open({ services: ingesting() })];
    for (const orchestrator of orchestrators) await orchestrator.worker.start();
    const random = fc.sample(fc.double({ min: 0, max: 1, noNaN: true }), { seed: 20261126, numRuns: 5_000 });
    let draw = 0;
    const leaveAt = (count: number) => Math.ceil(count * (random[draw++ % random.length] ?? 0));
    const work = Promise.all(
      Array.from({ length: 24 }, async (_, index) => {
        const orchestrator = orchestrators[index % 2]!;
        const pipeline = pipelineOf({ a: {}, b: { needs: ['a'] }, c: { needs: ['a'] }, d: { needs: ['b', 'c'] } });
        const { runId } = await orchestrator.submit({ pipeline, cause: MANUAL });
        await ended(orchestrator, runId);
      }),
    );
    let done = false;
    void work.finally(() => {
      done = true;
    });
    const seen: Seen[] = [];
    let position = start;
    while (!done) {
      const part = await readAll(position, 5, {}, leaveAt);
      seen.push(...part.seen);
      position = part.position;
    }
    await work;
    seen.push(...(await readAll(position, 5, {}, leaveAt)).seen);
    expect(outOfOrder(seen)).toEqual([]);
    expect(sorted(seen)).toEqual(sorted(await written()));
    // From the begin once more, by other steps.
    expect(sorted((await readAll(start, 17)).seen)).toEqual(sorted(seen));
  });

  it('gets what a transaction wrote that was still under way when it read what came after', async () => {
    const orchestrator = rig.open();
    const { runId } = await orchestrator.submit({ pipeline: pipelineOf({ a: {} }), cause: MANUAL });
    const start = await feed.now();
    let commit = (): void => {};
    const held = new Promise<void>((resolve) => {
      commit = resolve;
    });
    const insert = (tx: Pick<Rig['db'], 'query'>, seq: number) =>
      tx.query(`insert into mlops.run_events (run_id, seq, status) values ($1, $2, 'running')`, [runId, seq]);
    let wrote = false;
    const slow = rig.db.transaction(async (tx) => {
      await insert(tx, 101);
      wrote = true;
      await held;
    });
    await until('it is written', () => wrote);
    await insert(rig.db, 102);
    const before = await readAll(start, 10);
    expect(before.seen.map(({ seq }) => seq)).toEqual([102]);
    commit();
    await slow;
    expect((await readAll(before.position, 10)).seen.map(({ seq }) => seq)).toEqual([101]);
    expect((await readAll(start, 1)).seen.map(({ seq }) => seq)).toEqual([101, 102]);
  });

  it('gets what it asks for alone, and is moved on by what passes it by', async () => {
    const start = await feed.now();
    const orchestrator = rig.open({ services: ingesting() });
    await orchestrator.worker.start();
    for (const name of ['p', 'q']) {
      const { runId } = await orchestrator.submit({ pipeline: pipelineOf({ a: {}, b: {} }, { name }), cause: MANUAL });
      await ended(orchestrator, runId);
    }
    const of = async (filter: FeedFilter) =>
      (await readAll(start, 2, filter)).seen
        .map(({ pipeline, task, status }) => `${pipeline} ${task} ${status}`)
        .sort();
    expect(await of({ of: 'run', pipeline: 'p' })).toEqual(['p null running', 'p null succeeded']);
    expect(await of({ statuses: ['succeeded'], of: 'task' })).toEqual([
      'p a succeeded',
      'p b succeeded',
      'q a succeeded',
      'q b succeeded',
    ]);
    const nothing = await readAll(start, 2, { pipeline: 'none' });
    expect(nothing.seen).toEqual([]);
    expect((await readAll(nothing.position, 2)).seen).toEqual([]);
  });

  it('of one environment sees nothing of another', async () => {
    const other = await openRig(database.connectionString);
    const start = await createPostgresRunFeed(other.db, other.scopeId).now();
    await rig.open().submit({ pipeline: pipelineOf({ a: {} }), cause: MANUAL });
    expect((await createPostgresRunFeed(other.db, other.scopeId).after(start, {}, 10)).events).toEqual([]);
    expect((await feed.after(start, {}, 10)).events.length).toBeGreaterThan(0);
    await other.close();
  });

  it('with a position that is none, or of another store, is told so', async () => {
    const now = await feed.now();
    const [since, snapshot] = now.split('~');
    for (const position of [
      '',
      'x',
      '17',
      `${since}~1:2`,
      `${since}~9:3:`,
      `${since}~0:3:`,
      `${since}~1:99999999999999:`,
      `${since}~9999999999999999999:9999999999999999999:`,
      `${since}~${snapshot}~${snapshot}~------------------------------------~1`,
      `${now}'; drop table mlops.runs; --`,
      `${since}~1:2:${'1,'.repeat(10_000)}1`,
    ])
      await expect(feed.after(position, {}, 10), position).rejects.toMatchObject({ code: 'API400' });
  });

  it('follows runs as they come, and ends when it is told to', async () => {
    const orchestrator = rig.open({ services: ingesting() });
    await orchestrator.worker.start();
    const stopped = new AbortController();
    const statuses: string[] = [];
    const following = (async () => {
      for await (const part of orchestrator.feed({ filter: { of: 'run' }, signal: stopped.signal })) {
        statuses.push(...part.events.map(({ status }) => status));
        if (part.events.length === 0) await orchestrator.submit({ pipeline: pipelineOf({ a: {} }), cause: MANUAL });
        if (statuses.includes('succeeded')) stopped.abort();
      }
    })();
    await following;
    expect(statuses).toEqual(['running', 'succeeded']);
    const { items } = await orchestrator.list({ limit: 1 });
    const own = await collect(orchestrator.events(items[0]!.runId, { signal: new AbortController().signal }));
    expect(own.at(-1)?.status).toBe('succeeded');
  });

  it('waits for a store that is away for a moment, and goes on behind what it gave', async () => {
    const away = new MlopsError('ST101', { detail: 'it is away', retryable: true });
    const failing = <A extends unknown[], T>(call: (...args: A) => Promise<T>) => {
      let calls = 0;
      return async (...args: A): Promise<T> => {
        calls += 1;
        if (calls === 2 || calls === 3) throw away;
        return call(...args);
      };
    };
    const orchestrator = rig.open({
      services: ingesting(),
      runs: { ...rig.runs, events: failing(rig.runs.events) },
      runFeed: { ...feed, after: failing(feed.after) },
    });
    const stopped = new AbortController();
    const parts = orchestrator.feed({ filter: {}, signal: stopped.signal });
    await parts.next();
    const { runId } = await orchestrator.submit({ pipeline: pipelineOf({ a: {} }), cause: MANUAL });
    const own = collect(orchestrator.events(runId, { signal: stopped.signal }));
    await orchestrator.worker.start();
    const seen: Seen[] = [];
    for await (const { events } of parts) {
      seen.push(...events);
      if (events.some(({ task, status }) => task === null && status === 'succeeded')) stopped.abort();
    }
    expect(outOfOrder(seen)).toEqual([]);
    expect((await own).map(({ seq }) => seq)).toEqual(seen.map(({ seq }) => seq));
    // Who has not begun is told at once.
    const broken = rig.open({ runFeed: { ...feed, after: () => Promise.reject(away) } });
    await expect(broken.feed({ filter: {}, signal: new AbortController().signal }).next()).rejects.toBe(away);
  });
});
