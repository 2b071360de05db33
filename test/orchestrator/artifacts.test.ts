// biome-ignore-all lint/suspicious/noTemplateCurlyInString: templates are what tasks hold
/** Files that tasks leave for those after them; and messages that tasks send. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Orchestrator } from '../../src/orchestrator/orchestrator.ts';
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
