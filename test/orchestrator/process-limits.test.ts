import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Orchestrator } from '../../src/orchestrator/orchestrator.ts';
import { ended, MANUAL, openRig, pipelineOf, type Rig, taskOf } from '../support/orchestrator.ts';
import { type FreshDatabase, freshDatabase } from '../support/postgres.ts';

let database: FreshDatabase;
let rig: Rig;
let orchestrator: Orchestrator;

beforeAll(async () => {
  database = await freshDatabase();
  rig = await openRig(database.connectionString);
  orchestrator = rig.open();
  await orchestrator.worker.start();
});
afterAll(async () => {
  await rig.close();
  await database.drop();
});

const program = (line: string, more: object = {}) => ({ operator: 'command' as const, command: line, ...more });

async function run(tasks: Parameters<typeof pipelineOf>[0], limitMs = 20_000) {
  const { runId } = await orchestrator.submit({ pipeline: pipelineOf(tasks), cause: MANUAL });
  return ended(orchestrator, runId, { limitMs });
}

describe('a program', () => {
  it('that holds more memory than it asked for is killed with all that it started, and has crashed', async () => {
    const hold = `"${process.execPath}" -e "globalThis.held = Buffer.alloc(300 * 2 ** 20, 1); setTimeout(() => {}, 60000)"`;
    const run_ = await run({
      a: program(`${hold} & wait`, { resources: { memory: '200Mi' }, retry: { on: ['failed'] } }),
    });
    const task = taskOf(run_, 'a');
    expect(task).toMatchObject({ status: 'crashed', exitCode: 137 });
    expect(task.error).toMatch(/^the program was killed: it held \d+ MiB of memory, over its limit of 200 MiB$/);
  });

  it('that stays within it runs to its end', async () => {
    const hold = `"${process.execPath}" -e "globalThis.held = Buffer.alloc(50 * 2 ** 20, 1); setTimeout(() => {}, 400)"`;
    expect((await run({ a: program(hold, { resources: { memory: '400Mi' } }) })).status).toBe('succeeded');
  });

  it('runs at a lower priority than the daemon, and goes first where the machine has no memory left', async () => {
    const line = `echo "{\\"nice\\": $(nice), \\"oom\\": $(cat /proc/self/oom_score_adj)}" > "$MLOPS_OUTPUTS"`;
    const { outputs } = taskOf(await run({ a: program(line) }), 'a');
    expect((outputs as { nice: number }).nice).toBeGreaterThanOrEqual(5);
    if (process.platform === 'linux') expect((outputs as { oom: number }).oom).toBe(500);
  });

  it('that prints a gigabyte does not grow the daemon', { timeout: 90_000 }, async () => {
    global.gc?.();
    const before = process.memoryUsage.rss();
    let most = 0;
    const watching = setInterval(() => {
      most = Math.max(most, process.memoryUsage.rss() - before);
    }, 20);
    const run_ = await run({ a: program(`head -c 1073741824 /dev/zero | tr '\\0' x`) }, 80_000);
    clearInterval(watching);
    expect(run_.status).toBe('succeeded');
    expect(most).toBeLessThan(300 * 2 ** 20);
  });
});
