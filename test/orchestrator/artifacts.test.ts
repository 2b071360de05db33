// biome-ignore-all lint/suspicious/noTemplateCurlyInString: templates are what tasks hold
/** Files that tasks leave for those after them; and messages that tasks send. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Orchestrator } from '../../src/orchestrator/orchestrator.ts';
import { createRetention } from '../../src/orchestrator/retention.ts';
import { createPostgresRunArtifacts } from '../../src/stores/postgres/postgres-run-artifacts.ts';
import { collect, ended, MANUAL, openRig, pipelineOf, type Rig, statuses, taskOf } from '../support/orchestrator.ts';
import { type FreshDatabase, freshDatabase } from '../support/postgres.ts';

let database: FreshDatabase;
let rig: Rig;
let orchestrator: Orchestrator;
const sent: object[] = [];

beforeAll(async () => {
  database = await freshDatabase();
  rig = await openRig(database.connectionString);
  orchestrator = rig.open({
    services: {
      notify: async (request) => {
        sent.push(request);
      },
    },
  });
  await orchestrator.scheduler.start();
  await orchestrator.worker.start();
});
afterAll(async () => {
  await rig.close();
  await database.drop();
});

const command = (line: string, more: object = {}) => ({ operator: 'command', command: line, ...more });
const submit = async (tasks: object): Promise<string> =>
  (await orchestrator.submit({ pipeline: pipelineOf(tasks as Parameters<typeof pipelineOf>[0]), cause: MANUAL })).runId;
const log = async (runId: string, task: string): Promise<string> =>
  (await collect(orchestrator.logs(runId, task, { signal: AbortSignal.timeout(10_000) }))).join('');

describe('artifacts', () => {
  it('of a task are there for all tasks after it, by task and path, as copies of their own', async () => {
    const runId = await submit({
      a: command(
        'mkdir -p "$MLOPS_ARTIFACTS/deep dir"; printf one > "$MLOPS_ARTIFACTS/deep dir/x.txt"; ln -s /etc/passwd "$MLOPS_ARTIFACTS/link"',
      ),
      b: command('printf two > "$MLOPS_ARTIFACTS/y.txt"; printf changed > "$MLOPS_INPUT_ARTIFACTS/a/deep dir/x.txt"', {
        needs: ['a'],
      }),
      c: command('cd "$MLOPS_INPUT_ARTIFACTS" && find . -type f | sort && cat "a/deep dir/x.txt" b/y.txt', {
        needs: ['b'],
      }),
      aside: command('ls "$MLOPS_INPUT_ARTIFACTS"'),
    });
    expect((await ended(orchestrator, runId)).status).toBe('succeeded');
    expect(await log(runId, 'c')).toBe('./a/deep dir/x.txt\n./b/y.txt\nonetwo');
    expect(await log(runId, 'aside')).toBe('');
    expect(await orchestrator.artifacts(runId)).toEqual([
      { task: 'a', path: 'deep dir/x.txt', digest: expect.stringMatching(/^[0-9a-f]{64}$/), bytes: 3 },
      { task: 'b', path: 'y.txt', digest: expect.stringMatching(/^[0-9a-f]{64}$/), bytes: 3 },
    ]);
    expect(await orchestrator.artifacts(runId, ['b'])).toHaveLength(1);
  });

  it('are those of the attempt that succeeded', async () => {
    const runId = await submit({
      a: command('printf "$MLOPS_ATTEMPT" > "$MLOPS_ARTIFACTS/$MLOPS_ATTEMPT"; [ "$MLOPS_ATTEMPT" = 2 ]', {
        retry: { limit: 1, backoff: { initial: '1ms' } },
      }),
      bad: command('printf x > "$MLOPS_ARTIFACTS/x"; exit 1'),
    });
    expect(statuses(await ended(orchestrator, runId))).toEqual({ a: 'succeeded', bad: 'failed' });
    expect((await orchestrator.artifacts(runId)).map(({ task, path }) => `${task}/${path}`)).toEqual(['a/2']);
  });

  it('are not kept where there are too many', async () => {
    const runId = await submit({ a: command('cd "$MLOPS_ARTIFACTS" && seq 1 1001 | xargs touch') });
    expect(taskOf(await ended(orchestrator, runId), 'a').error).toMatch(/^PL224 .*more than 1000 files/);
    expect(await orchestrator.artifacts(runId)).toEqual([]);
  });
});

describe('declared artifacts', () => {
  it('are collected from the directory by path and glob, and handed on like those of MLOPS_ARTIFACTS', async () => {
    const runId = await submit({
      a: command(
        'mkdir -p out/deep; printf 1 > out/a.csv; printf 22 > out/deep/b.csv; printf 3 > report.html; printf 4 > aside.txt; printf 5 > "$MLOPS_ARTIFACTS/own"',
        { artifacts: ['out/**/*.csv', './report.html'] },
      ),
      b: command('cd "$MLOPS_INPUT_ARTIFACTS/a" && find . -type f | sort && cat out/deep/b.csv', { needs: ['a'] }),
    });
    expect((await ended(orchestrator, runId)).status).toBe('succeeded');
    expect(await log(runId, 'b')).toBe('./out/a.csv\n./out/deep/b.csv\n./own\n./report.html\n22');
    expect((await orchestrator.artifacts(runId)).map(({ path, bytes }) => [path, bytes])).toEqual([
      ['out/a.csv', 1],
      ['out/deep/b.csv', 2],
      ['own', 1],
      ['report.html', 1],
    ]);
  });

  it.each([
    ['one is missing', 'printf 1 > a', ['a', 'out/*.csv'], /left no out\/\*\.csv in its directory/],
    ['a link stands there', 'ln -s /etc/passwd a', ['a'], /left no a in/],
    ['a file is left twice', 'printf 1 > a; printf 2 > "$MLOPS_ARTIFACTS/a"', ['a'], /left a both in its directory/],
    [
      'a file is too large',
      'head -c 1100 /dev/zero > big',
      ['big'],
      /big holds 1100 bytes, more than the 1\.0 KiB that a file/,
    ],
    [
      'they are too large together',
      'for i in 1 2 3; do head -c 900 /dev/zero > f$i; done',
      ['f*'],
      /hold 2700 bytes together, more than the 2\.0 KiB that a task/,
    ],
  ])('fail the task where %s, and nothing is kept', async (_, line, artifacts, error) => {
    const own = await openRig(database.connectionString);
    const limited = own.open({ artifactLimits: { fileBytes: 1024, taskBytes: 2048 } });
    await limited.worker.start();
    const { runId } = await limited.submit({
      pipeline: pipelineOf({ a: command(line, { artifacts }) as never }),
      cause: MANUAL,
    });
    const a = taskOf(await ended(limited, runId), 'a');
    expect(a.error).toMatch(/^PL224 /);
    expect(a.error).toMatch(error);
    expect(await limited.artifacts(runId)).toEqual([]);
    await own.close();
  });
});

describe('artifacts of old runs', () => {
  it('go with their content, but for what another run still refers to', async () => {
    const oldRig = await openRig(database.connectionString);
    const own = oldRig.open();
    await own.worker.start();
    const run = async (line: string) => {
      const { runId } = await own.submit({ pipeline: pipelineOf({ a: command(line) as never }), cause: MANUAL });
      return (await ended(own, runId)).runId;
    };
    const both = 'cd "$MLOPS_ARTIFACTS" && printf shared > shared';
    const old = await run(`${both}; printf "$MLOPS_RUN_ID" > own`);
    const young = await run(both);
    const digestOf = async (runId: string, path: string) =>
      (await own.artifacts(runId)).find((artifact) => artifact.path === path)?.digest;
    const digest = await digestOf(old, 'own');
    const store = createPostgresRunArtifacts(oldRig.db, oldRig.scopeId);
    const removed: string[] = [];
    const prune = (olderThanMs: number) =>
      store.prune(olderThanMs, 10, async (digests) => void removed.push(...digests));
    expect(await prune(86_400_000)).toBe(0);
    await oldRig.db.query("update mlops.runs set created_at = created_at - interval '2 days' where run_id = $1", [old]);
    const round = createRetention({
      runs: oldRig.runs,
      logsMs: 1e12,
      eventsMs: 1e12,
      artifactsMs: 86_400_000,
      runArtifacts: store,
      removeFiles: async (digests) => void removed.push(...digests),
    });
    await round();
    expect(removed).toEqual([digest]);
    expect(await own.artifacts(old)).toEqual([]);
    expect(await digestOf(young, 'shared')).toBeDefined();
    const shared = await digestOf(young, 'shared');
    await oldRig.db.query("update mlops.runs set created_at = created_at - interval '2 days' where run_id = $1", [
      young,
    ]);
    expect(await prune(86_400_000)).toBe(1);
    expect(removed).toEqual([digest, shared]);
    await oldRig.close();
  });
});

describe('notify', () => {
  it('sends its message under a key of its own, with the values of the run', async () => {
    const runId = await submit({
      a: command('echo \'{"rows": 3}\' > "$MLOPS_OUTPUTS"'),
      b: {
        operator: 'notify',
        channel: 'ops',
        message: '${{ outputs.a.rows }} rows',
        severity: 'success',
        needs: ['a'],
      },
    });
    expect((await ended(orchestrator, runId)).status).toBe('succeeded');
    expect(sent).toEqual([
      { channel: 'ops', title: 'p: b', text: '3 rows', severity: 'success', key: `task/${runId}/b` },
    ]);
    expect(await log(runId, 'b')).toBe('to ops: 3 rows\n');
  });
});
