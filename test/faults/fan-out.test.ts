/** A fan-out under daemons that are killed with -9: no item is lost, none has two outcomes, and what comes after it sees all of them in order. */
import { readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { MANUAL, openRig, pipelineOf, taskOf, until } from '../support/orchestrator.ts';
import { startDaemons } from './daemons.ts';
import { brokenInvariants } from './invariants.ts';
import { ownServer } from './own-server.ts';
import { marksIn } from './workload.ts';

const ITEMS = Math.max(400, Math.floor(Number(process.env['MLOPS_FAULT_TASKS'] ?? 0) / 10));
const PROGRAMS = 24;
const KILLS = 6;
const LEASE_SECONDS = 2;

const server = ownServer();

it(
  `of ${ITEMS} items and ${PROGRAMS} programs is done to its last item by daemons that are killed again and again`,
  async () => {
    const { connectionString } = server();
    const rig = await openRig(connectionString, { leaseSeconds: LEASE_SECONDS });
    const watcher = rig.open();
    const daemons = startDaemons(
      ['one', 'two'].map((node) => ({
        connectionString,
        scopeId: rig.scopeId,
        workdir: rig.workdir,
        node,
        leaseSeconds: LEASE_SECONDS,
      })),
    );
    try {
      await daemons.ready();
      const mark = `"$MLOPS_RUN_ID $MLOPS_TASK $MLOPS_ATTEMPT" >> "$MARKS"`;
      const list = Array.from({ length: ITEMS }, (_, index) => index);
      const { runId } = await watcher.submit({
        pipeline: pipelineOf({
          list: { operator: 'command', command: `echo '{"items": ${JSON.stringify(list)}}' > "$MLOPS_OUTPUTS"` },
          each: { needs: ['list'], forEach: 'outputs.list.items' },
          programs: {
            operator: 'command',
            command: `echo "start "${mark}; sleep 0.1; echo "{\\"n\\": $MLOPS_ITEM}" > "$MLOPS_OUTPUTS"; echo "end "${mark}`,
            env: { MARKS: join(rig.workdir, 'marks') },
            resources: { cpu: 1 },
            needs: ['list'],
            forEach: Array.from({ length: PROGRAMS }, (_, index) => index * 10),
            concurrency: 6,
          },
          after: { needs: ['each', 'programs'] },
        } as never),
        cause: MANUAL,
      });
      let killed = 0;
      await until(
        'the run ends',
        async () => {
          const [row] = await rig.db.query<{ done: number }>(
            `select count(*)::integer as done from mlops.tasks where run_id = $1 and status = 'succeeded'`,
            [runId],
          );
          const pid = daemons.pids()[killed % 2];
          if (
            row!.done > ((ITEMS + PROGRAMS) / KILLS) * (killed + 0.5) &&
            pid !== undefined &&
            process.kill(pid, 'SIGKILL')
          )
            killed += 1;
          return (await rig.runs.summary(runId))?.finishedAt ?? undefined;
        },
        { limitMs: 180_000 + 20 * ITEMS, everyMs: 30 },
      );
      expect(killed).toBeGreaterThan(KILLS / 2);
      await daemons.stop();
      const run = (await watcher.get(runId))!;
      expect(run.tasks.map(({ name, status }) => [name, status])).toEqual(
        ['list', 'each', 'programs', 'after'].map((name) => [name, 'succeeded']),
      );
      const items = await rig.db.query<{ name: string; status: string; attempt: number }>(
        `select name, status, attempt from mlops.tasks where run_id = $1 and name like '%[%' order by ordinal`,
        [runId],
      );
      expect(items.filter(({ status }) => status !== 'succeeded')).toEqual([]);
      expect(items.map(({ name }) => name).sort()).toEqual(
        [...list.map((n) => `each[${n}]`), ...Array.from({ length: PROGRAMS }, (_, n) => `programs[${n}]`)].sort(),
      );
      // Each in its place, each from the attempt that counts, which ran its program once.
      const { programs } = await rig.runs.outputs(runId, ['programs']);
      expect(programs).toEqual(Array.from({ length: PROGRAMS }, (_, n) => ({ n: n * 10 })));
      const marks = await marksIn(rig.workdir);
      for (const { name, attempt } of items.filter(({ name }) => name.startsWith('programs'))) {
        const own = marks.filter((one) => one.task === name && one.attempt === attempt);
        expect([name, ...own.map(({ what }) => what)]).toEqual([name, 'start', 'end']);
      }
      const executed = (await readFile(join(rig.workdir, 'executed'), 'utf8')).trim().split('\n');
      expect(new Set(executed.filter((name) => name.startsWith('each['))).size).toBe(ITEMS);
      const after = { ...taskOf(run, 'after'), needs: [] };
      expect(await brokenInvariants(rig.db, [{ ...run, tasks: [after] }], [])).toEqual([]);
    } finally {
      await daemons.stop();
      await rm(join(rig.workdir, 'marks'), { force: true });
      await rig.db.query('delete from mlops.runs');
      await rig.close();
    }
  },
  300_000 + 20 * ITEMS,
);
