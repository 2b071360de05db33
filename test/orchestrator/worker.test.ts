import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { nodeName, processStartedAt } from '../../src/orchestrator/machine.ts';
import {
  collect,
  ended,
  ingesting,
  MANUAL,
  openRig,
  pipelineOf,
  statuses,
  taskOf,
  until,
} from '../support/orchestrator.ts';
import { freshDatabase } from '../support/postgres.ts';
import { rigOfEachTest } from '../support/suite-rig.ts';

const rig = rigOfEachTest({ ownDatabase: true });

const waiting = (go: string) => ({
  operator: 'command' as const,
  command: `echo "pid $$"; while [ ! -e "$GO" ]; do sleep 0.05; done`,
  env: { GO: go },
});

describe('a worker', () => {
  it('that is stopped kills its programs and gives its tasks back, at the cost of no budget', async () => {
    const go = join(rig.workdir, 'go');
    const first = rig.open();
    await first.worker.start();
    const { runId } = await first.submit({ pipeline: pipelineOf({ a: waiting(go) }), cause: MANUAL });
    const pid = await until('the program runs', async () => {
      const text = (await collect(first.logs(runId, 'a', { signal: AbortSignal.timeout(5000) }))).join('');
      return /pid (\d+)/.exec(text)?.[1];
    });
    await first.worker.stop();
    expect(processStartedAt(Number(pid))).toBeUndefined();
    const [row] = await rig.db.query('select status, failures, recoveries, attempt from mlops.tasks');
    expect(row).toEqual({ status: 'retrying', failures: 0, recoveries: 0, attempt: 1 });
    expect(await rig.runs.workersOn(nodeName())).toEqual([]);
    await writeFile(go, '');
    const second = rig.open();
    await second.worker.start();
    expect(taskOf(await ended(second, runId), 'a')).toMatchObject({ status: 'succeeded', attempt: 2 });
  });

  it('that drains takes no more, and waits for what it has', async () => {
    const go = join(rig.workdir, 'go');
    const only = rig.open();
    await only.worker.start();
    const { runId } = await only.submit({
      pipeline: pipelineOf({ a: waiting(go), b: { needs: ['a'] } }),
      cause: MANUAL,
    });
    await until('a runs', async () => taskOf((await only.get(runId))!, 'a').status === 'running');
    await only.worker.drain(AbortSignal.timeout(50));
    expect(statuses((await only.get(runId))!)).toEqual({ a: 'running', b: 'pending' });
    await writeFile(go, '');
    await only.worker.drain();
    expect(statuses((await only.get(runId))!)).toEqual({ a: 'succeeded', b: 'ready' });
  });

  it('goes on without an operator that does not heed the signal', async () => {
    const only = rig.open({ killGraceMs: 0, services: { ingest: () => new Promise(() => {}) } });
    await only.worker.start();
    const { runId } = await only.submit({ pipeline: pipelineOf({ deaf: { timeout: '100ms' } }), cause: MANUAL });
    expect(taskOf(await ended(only, runId), 'deaf').status).toBe('timed_out');
  });

  it('shares its machine with another', async () => {
    let most = 0;
    let now = 0;
    const services = ingesting(
      Object.fromEntries(
        Array.from({ length: 12 }, (_, index) => [
          `t${index}`,
          async () => {
            now += 1;
            most = Math.max(most, now);
            await new Promise((resolve) => setTimeout(resolve, 30));
            now -= 1;
          },
        ]),
      ),
    );
    const both = [rig.open({ services, capacity: { cpu: 3 } }), rig.open({ services, capacity: { cpu: 3 } })];
    await Promise.all(both.map((one) => one.worker.start()));
    const tasks = Object.fromEntries(
      Array.from({ length: 12 }, (_, index) => [`t${index}`, { resources: { cpu: 1 } }]),
    );
    const { runId } = await both[0]!.submit({ pipeline: pipelineOf(tasks), cause: MANUAL });
    expect((await ended(both[0]!, runId)).status).toBe('succeeded');
    expect(most).toBe(3);
  });
});

describe('a lease keeper whose store is gone', () => {
  it('gives up every lease once it can no longer be sure of it, and kills its program', async () => {
    const own = await freshDatabase();
    const away = await openRig(own.connectionString, { leaseSeconds: 1 });
    const only = away.open({ report: () => {} });
    await only.worker.start();
    const { runId } = await only.submit({ pipeline: pipelineOf({ a: waiting('/nowhere') }), cause: MANUAL });
    const pid = await until('the program runs', async () => {
      const text = (await collect(only.logs(runId, 'a', { signal: AbortSignal.timeout(5000) }))).join('');
      return /pid (\d+)/.exec(text)?.[1];
    });
    await own.drop();
    await until('the program is gone', () => processStartedAt(Number(pid)) === undefined);
    await away.close();
  });
});
