/** Tasks with a cache that come to the same work while it is under way. */
import { randomUUID } from 'node:crypto';
import { readdirSync, writeFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { admit } from '../../src/orchestrator/admission.ts';
import { runRules } from '../../src/orchestrator/rules.ts';
import { cacheKey } from '../../src/orchestrator/task-cache.ts';
import type { CanonicalPipeline } from '../../src/spec/canonical-specs.ts';
import { createPostgresTaskCache } from '../../src/stores/postgres/postgres-task-cache.ts';
import { ended, MANUAL, openRig, pipelineOf, type Rig, taskOf, until } from '../support/orchestrator.ts';
import { type FreshDatabase, freshDatabase } from '../support/postgres.ts';

let database: FreshDatabase;
let rig: Rig;
let folder: string;
beforeAll(async () => {
  database = await freshDatabase();
});
afterAll(() => database.drop());
beforeEach(async () => {
  rig = await openRig(database.connectionString, { leaseSeconds: 2 });
  folder = await mkdtemp(join(tmpdir(), 'mlops flight '));
  return async () => {
    await rig.close();
    await rm(folder, { recursive: true, force: true });
  };
});

/** Notes that it began, and ends when it is let: as `end` says, `fail` fails it. */
const WORK = `
const { writeFileSync, existsSync, readFileSync } = require('node:fs');
const id = process.pid + '';
writeFileSync(process.env.FOLDER + '/began-' + id, '');
const look = setInterval(() => {
  const end = process.env.FOLDER + '/end';
  const own = process.env.FOLDER + '/end-' + id;
  const found = existsSync(own) ? own : existsSync(end) ? end : undefined;
  if (found === undefined) return;
  clearInterval(look);
  if (readFileSync(found, 'utf8') === 'fail') process.exit(3);
  writeFileSync(process.env.MLOPS_OUTPUTS, JSON.stringify({ by: id }));
}, 10);`;
const ROOM = { cpu: 4, memoryBytes: 1000, gpu: 0 };
const task = (more: object = {}) => ({
  operator: 'command' as const,
  command: ['node', '-e', WORK],
  env: { FOLDER: folder },
  cache: { ttl: '1h' },
  source: 'same',
  ...more,
});
const pipeline = (more: object = {}): CanonicalPipeline => pipelineOf({ a: task(more) });
const began = (): readonly string[] =>
  readdirSync(folder).flatMap((name) => (name.startsWith('began-') ? [name.slice('began-'.length)] : []));
const end = (how: 'well' | 'fail', which?: string): void =>
  writeFileSync(join(folder, which === undefined ? 'end' : `end-${which}`), how);

const inUse = async (): Promise<number> => {
  const [row] = await rig.db.query<{ held: number }>(
    'select count(*)::int as held from mlops.task_attempts where scope_id = $1 and ended_at is null',
    [rig.scopeId],
  );
  return row?.held ?? 0;
};

describe('tasks with a cache', () => {
  it('that come to the same work at once do it once: the others wait, hold nothing, and take it over', async () => {
    // Two machines, so that it is the store that decides.
    const both = [rig.open(), rig.open()];
    for (const one of both) await one.worker.start();
    for (const one of both) await one.scheduler.start();
    const [first] = both;
    if (first === undefined) throw new Error('no orchestrator');
    const runs = await Promise.all(
      Array.from({ length: 6 }, () => first.submit({ pipeline: pipeline(), cause: MANUAL })),
    );
    const waiting = await until('five wait', async () => {
      const all = await Promise.all(runs.map(({ runId }) => first.get(runId)));
      const found = all.flatMap((run) => run?.tasks ?? []).filter(({ status }) => status === 'waiting');
      return found.length === 5 && found;
    });
    expect(waiting[0]).toMatchObject({ waitingFor: expect.stringContaining('the same work of task a of run') });
    await until('one works', () => began().length > 0);
    expect(began()).toHaveLength(1);
    expect(await inUse()).toBe(1);
    end('well');
    const done = await Promise.all(runs.map(({ runId }) => ended(first, runId)));
    expect(done.map(({ status }) => status)).toEqual(done.map(() => 'succeeded'));
    expect(new Set(done.map((run) => taskOf(run, 'a').outputs?.['by'])).size).toBe(1);
    expect(done.filter((run) => taskOf(run, 'a').reused === null)).toHaveLength(1);
    expect(began()).toHaveLength(1);
  }, 60_000);

  it('work in turn while the first fails, and each is told its own end', async () => {
    const orchestrator = rig.open();
    await orchestrator.worker.start();
    await orchestrator.scheduler.start();
    const runs = await Promise.all(
      Array.from({ length: 3 }, () => orchestrator.submit({ pipeline: pipeline(), cause: MANUAL })),
    );
    const [one = ''] = await until('one works', () => began().length === 1 && began());
    end('fail', one);
    const [two = ''] = await until('another works', () => {
      const others = began().filter((id) => id !== one);
      return others.length === 1 && others;
    });
    end('well', two);
    const done = await Promise.all(runs.map(({ runId }) => ended(orchestrator, runId)));
    expect(done.map(({ status }) => status).sort()).toEqual(['failed', 'succeeded', 'succeeded']);
    expect(began()).toHaveLength(2);
  }, 60_000);

  it('are not kept back by one whose worker died', async () => {
    const spec = pipeline();
    const orchestrator = rig.open();
    const lost = await orchestrator.submit({ pipeline: spec, cause: MANUAL });
    const dead = { workerId: randomUUID(), node: 'elsewhere', pid: 1, pidStartedAt: '1', capacity: ROOM };
    const [lease] = (await rig.runs.claim(dead, 1, admit, runRules)).leases;
    const work = spec.tasks['a'];
    if (lease === undefined || work === undefined) throw new Error('nothing was claimed');
    const key = cacheKey(work, { lease, run: { params: {}, cause: MANUAL, spec }, inputs: {} });
    expect(await createPostgresTaskCache(rig.db, rig.scopeId).begin(lease, key)).toBeUndefined();
    await orchestrator.worker.start();
    await orchestrator.scheduler.start();
    const next = await orchestrator.submit({ pipeline: spec, cause: MANUAL });
    await until('the other waits', async () => (await orchestrator.get(next.runId))?.tasks[0]?.status === 'waiting');
    expect(began()).toHaveLength(0);
    // The lease of the worker that died ends.
    await until('one works', () => began().length === 1);
    end('well');
    const done = await Promise.all([lost, next].map(({ runId }) => ended(orchestrator, runId)));
    expect(done.map(({ status }) => status)).toEqual(['succeeded', 'succeeded']);
    expect(began()).toHaveLength(1);
  }, 60_000);
});
