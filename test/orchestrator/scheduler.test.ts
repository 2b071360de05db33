/** A round of the scheduler: what goes wrong with one part of it keeps back no other. */
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, it, vi } from 'vitest';
import { createScheduler } from '../../src/orchestrator/scheduler.ts';
import type { ExpiredLease, RunStore } from '../../src/stores/control/runs.ts';
import { temporaryDirectory } from '../support/temporary-directory.ts';

const lease = (task: string): ExpiredLease => ({
  runId: 'r',
  task,
  attempt: 1,
  pipeline: 'p',
  failures: 0,
  recoveries: 0,
  deadlineInMs: null,
  node: 'here',
  pid: null,
  pidStartedAt: null,
});

it('fires schedules and recovers tasks whatever is wrong with one of them', async () => {
  const directory = await temporaryDirectory();
  // Nothing below a file can be removed.
  const workdir = join(directory.path, 'file');
  await writeFile(workdir, '');
  const givenUp: string[] = [];
  const reports: string[] = [];
  const runs = {
    workersOn: () => Promise.reject(new Error('no workers')),
    expiredLeases: async () => [lease('poison'), lease('other')].filter(({ task }) => !givenUp.includes(task)),
    definition: async () => undefined,
    giveUp: async (end: { readonly task: string }) => {
      if (end.task === 'poison') throw new Error('refused');
      givenUp.push(end.task);
      return true;
    },
    endOverdue: () => Promise.reject(new Error('not now')),
    releaseHeld: async () => {},
    openWork: async () => ({ runs: true, events: true, backfills: true }),
  } as unknown as RunStore;
  const tick = vi.fn(async () => {});
  const scheduler = createScheduler({
    runs,
    node: 'here',
    workdir,
    schedules: { begin: async () => {}, tick },
    random: () => 0,
    report: (message, error) => reports.push(`${message}: ${error instanceof Error ? error.message : ''}`),
  });
  await scheduler.start();
  await vi.waitFor(() => expect(tick).toHaveBeenCalled());
  await scheduler.stop();
  expect(givenUp).toEqual(['other']);
  expect(reports.join('\n')).toMatch(/left cannot be removed.*ENOTDIR/);
  expect(reports.join('\n')).toMatch(/refused/);
  await directory.remove();
});
