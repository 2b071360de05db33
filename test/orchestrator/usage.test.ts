import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Orchestrator } from '../../src/orchestrator/orchestrator.ts';
import { cpuSecondsOf } from '../../src/orchestrator/runners/shell-times.ts';
import { ended, ingesting, MANUAL, openRig, pipelineOf, type Rig, taskOf } from '../support/orchestrator.ts';
import { type FreshDatabase, freshDatabase } from '../support/postgres.ts';

let database: FreshDatabase;
let rig: Rig;
let orchestrator: Orchestrator;

beforeAll(async () => {
  database = await freshDatabase();
  rig = await openRig(database.connectionString);
  orchestrator = rig.open({ services: ingesting() });
  await orchestrator.worker.start();
});
afterAll(async () => {
  await rig.close();
  await database.drop();
});

const program = (line: string, more: object = {}) => ({ operator: 'command' as const, command: line, ...more });
const MIB = 2 ** 20;

async function run(tasks: Parameters<typeof pipelineOf>[0]) {
  const { runId } = await orchestrator.submit({ pipeline: pipelineOf(tasks), cause: MANUAL });
  return ended(orchestrator, runId);
}

/** Burns so much processor time and holds so much memory; tells the kernel's own count of the time as an output. */
const burner = (milliseconds: number, mebibytes: number): string =>
  `"${process.execPath}" -e "
    const held = Buffer.alloc(${mebibytes} * ${MIB}, 1);
    while (process.cpuUsage().user + process.cpuUsage().system < ${milliseconds}000) Math.sqrt(held[0]);
    const { user, system } = process.cpuUsage();
    const until = Date.now() + 700; while (Date.now() < until) Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 50);
    if (process.env.MLOPS_OUTPUTS) require('fs').writeFileSync(process.env.MLOPS_OUTPUTS, JSON.stringify({ seconds: (user + system) / 1e6 }));
  "`;

describe('what an attempt took', () => {
  it('counts the processor time and the memory of its program and of all that the program started', async () => {
    const task = taskOf(await run({ a: program(`${burner(400, 80)} & (${burner(500, 60)}); wait; true`) }), 'a');
    const usage = task.usage!;
    // The kernel counts in ticks of 10 ms, which round down.
    expect(usage.cpuSeconds).toBeGreaterThan(0.85);
    expect(usage.cpuSeconds).toBeLessThan(3);
    expect(usage.peakMemoryBytes).toBeGreaterThan(140 * MIB);
    expect(usage.peakMemoryBytes).toBeLessThan(500 * MIB);
    expect(usage.wallSeconds).toBeGreaterThan(0.4);
  });

  it('is no less than the program itself was told by the kernel, also of a program that is over in no time', async () => {
    const { outputs, usage } = taskOf(await run({ a: program(`${burner(120, 1)}`) }), 'a');
    expect(usage!.cpuSeconds! + 0.02).toBeGreaterThanOrEqual((outputs as { seconds: number }).seconds);
    const short = taskOf(await run({ b: program('exit 3') }), 'b');
    expect(short.usage!.cpuSeconds).toBeLessThan(0.5);
  });

  it('counts what the program left running in the background, which nobody waits for', async () => {
    const line = `(${burner(600, 1)}) & sleep 1.2`;
    expect(taskOf(await run({ a: program(line) }), 'a').usage!.cpuSeconds).toBeGreaterThan(0.3);
  });

  it('is told of attempts that were killed', async () => {
    const task = taskOf(await run({ a: program(`${burner(5_000, 50)}`, { timeout: '900ms' }) }), 'a');
    expect(task.status).toBe('timed_out');
    expect(task.usage!.cpuSeconds).toBeGreaterThan(0.2);
    expect(task.usage!.peakMemoryBytes).toBeGreaterThan(50 * MIB);
  });

  it('within the daemon is its duration and nothing else', async () => {
    const task = taskOf(await run({ inline: {} }), 'inline');
    expect(task.usage).toMatchObject({ cpuSeconds: null, peakMemoryBytes: null });
    expect(task.usage!.wallSeconds).toBeGreaterThanOrEqual(0);
  });

  it('is summed up by pipeline and task for who watches the daemon', async () => {
    const before = orchestrator.usage().find(({ task }) => task === 'summed')?.attempts ?? 0;
    await run({ summed: program('true') });
    await run({ summed: program('true') });
    const total = orchestrator.usage().find(({ task }) => task === 'summed')!;
    expect(total).toMatchObject({ pipeline: 'p', attempts: before + 2 });
    expect(total.wallSeconds).toBeGreaterThan(0);
  });
});

describe("a shell's times", () => {
  it('are read as every shell writes them', () => {
    expect(cpuSecondsOf('0m0.00s 0m0.00s\n0m1.25s 1m0.50s\n')).toBeCloseTo(61.75);
    expect(cpuSecondsOf('0m0,000s 0m0,000s\n0m0,010s 0m0,002s\n')).toBeCloseTo(0.012);
    expect(cpuSecondsOf('0m0.000000s 0m0.001s\n2m0.000000s 0m0.5s')).toBeCloseTo(120.5);
  });

  it('are nothing where the shell was killed before it could tell', () => {
    expect(cpuSecondsOf('')).toBeNull();
    expect(cpuSecondsOf('0m0.00s 0m0.00s\n')).toBeNull();
  });
});
