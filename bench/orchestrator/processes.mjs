// The shapes that engines are compared by: 10 × fibonacci(33) and 40 × fibonacci(10), one program after the other, beside a bare loop that starts
// the same programs. The engines' published totals are told beside.
import { spawnSync } from 'node:child_process';
import { report } from '../support/measure.mjs';
import { MANUAL, measured, openRig, untilEnded } from './rig.mjs';

const PUBLISHED = {
  33: 'published: Windmill 0.94 s, Temporal 0.97 s, Kestra 2.9 s',
  10: 'published: Windmill 2.97 s, Temporal 3.06 s, Kestra 9.1 s',
};

const program = (n) => [
  process.execPath,
  '-e',
  `const f = (n) => (n < 2 ? n : f(n - 1) + f(n - 2)); if (f(${n}) < 0) throw new Error();`,
];

export async function processes() {
  const rig = await openRig();
  try {
    const { orchestrator, runs } = await rig.orchestrator();
    await orchestrator.worker.start();
    for (const [count, n] of [
      [10, 33],
      [40, 10],
    ]) {
      const [file, ...args] = program(n);
      spawnSync(file, args);
      const bare = await measured(rig, async () => {
        for (let at = 0; at < count; at += 1)
          if (spawnSync(file, args).status !== 0) throw new Error('the program failed');
      });
      const tasks = Object.fromEntries(
        Array.from({ length: count }, (_, at) => [
          `t${at}`,
          { operator: 'command', command: program(n), needs: at === 0 ? [] : [`t${at - 1}`] },
        ]),
      );
      const ours = await measured(rig, async () => {
        const { runId } = await orchestrator.submit({ pipeline: { name: 'fibonacci', tasks }, cause: MANUAL });
        const run = await untilEnded(runs, runId);
        if (run.status !== 'succeeded')
          throw new Error(`the run ${run.status}: ${(await runs.get(runId)).tasks.find(({ error }) => error)?.error}`);
      });
      report(`${count} × fibonacci(${n}): bare loop`, bare.wallSeconds, 's');
      report(`${count} × fibonacci(${n}): ours`, ours.wallSeconds, 's', {
        beside: `${(((ours.wallSeconds - bare.wallSeconds) / count) * 1000).toFixed(1)} ms a task above; ${PUBLISHED[n]}`,
      });
    }
  } finally {
    await rig.close();
  }
}
