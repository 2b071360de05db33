/** What must hold when the injuries are over and every run has ended. Answers what does not. */
import { isEnded } from '../../src/stores/control/run-states.ts';
import type { RunRecord } from '../../src/stores/control/runs.ts';
import type { Database } from '../../src/stores/postgres/database.ts';
import { runProblems } from '../simulation/invariants.ts';
import type { Run } from '../simulation/model.ts';
import { processesOf } from './daemons.ts';
import type { Mark } from './workload.ts';

export async function brokenInvariants(
  db: Database,
  runs: readonly RunRecord[],
  marks: readonly Mark[],
): Promise<readonly string[]> {
  return [
    ...runs.flatMap((run) => runProblems(asModel(run))),
    ...runs.flatMap((run) => programProblems(run, marks)),
    ...(await recordedProblems(db)),
    ...(await processesOf(runs.map(({ runId }) => runId))).map((pid) => `process ${pid} of a task still runs`),
  ];
}

/** The run as the simulation has it: its end follows from its tasks' ends, and each of these from those before it. */
function asModel(run: RunRecord): Run {
  const place = new Map(run.tasks.map(({ name }, ordinal) => [name, ordinal]));
  return {
    id: run.runId,
    status: run.status,
    cancelling: run.cancelledBy !== null,
    tasks: run.tasks.map((task) => ({
      name: task.name,
      needs: task.needs.map((need) => place.get(need)!),
      trigger: run.spec.tasks[task.name]!.trigger ?? 'all_success',
      when: null,
      priority: 0,
      cpu: 0,
      memoryBytes: 0,
      gpu: 0,
      retry: run.spec.tasks[task.name]!.retry ?? {},
      deadlineMs: null,
      status: task.status,
      attempt: task.attempt,
      failures: 0,
      recoveries: 0,
      readyAt: null,
      notBefore: null,
      deadlineAt: null,
    })),
  };
}

/** A program was started once an attempt, what succeeded was done, and what came after it began later. */
function programProblems(run: RunRecord, marks: readonly Mark[]): string[] {
  const of = (what: Mark['what'], task: string, attempt?: number): number[] =>
    marks.flatMap((mark, at) =>
      mark.what === what && mark.run === run.runId && mark.task === task && (attempt ?? mark.attempt) === mark.attempt
        ? [at]
        : [],
    );
  return run.tasks.flatMap((task) => {
    if (!isEnded(task.status)) return [`${task.name} of run ${run.runId} is ${task.status}`];
    if (run.spec.tasks[task.name]!.operator !== 'command') return [];
    const problems: string[] = [];
    for (let attempt = 1; attempt <= task.attempt; attempt += 1)
      if (of('start', task.name, attempt).length > 1)
        problems.push(`attempt ${attempt} of ${task.name} was started twice`);
    if (task.status === 'succeeded' && of('end', task.name, task.attempt).length !== 1)
      problems.push(`${task.name} succeeded and its program was not done once`);
    const begun = of('start', task.name)[0] ?? Number.POSITIVE_INFINITY;
    for (const need of task.needs) {
      const before = run.tasks.find(({ name }) => name === need)!;
      if (before.status !== 'succeeded' || run.spec.tasks[need]!.operator !== 'command') continue;
      if (of('end', need, before.attempt)[0]! > begun) problems.push(`${task.name} began before ${need} was done`);
    }
    return problems;
  });
}

/** No slot is held, every attempt has one outcome, and the events tell of no other. */
async function recordedProblems(db: Database): Promise<string[]> {
  const rows = await db.query<{ problem: string }>(`
    select 'attempt ' || attempt || ' of task ' || ordinal || ' holds a slot' as problem
    from mlops.task_attempts where ended_at is null
    union all
    select 'task ' || t.name || ' says attempt ' || t.attempt || ' of ' || count(a.attempt)
    from mlops.tasks t left join mlops.task_attempts a using (run_id, ordinal)
    group by t.run_id, t.ordinal, t.name, t.attempt having count(a.attempt) <> t.attempt
    union all
    select 'attempt ' || e.attempt || ' of task ' || e.task || ' ended ' || count(*) || ' times'
    from (select run_id, task, status, attempt from mlops.run_events
          union all
          select b.run_id, t.task, b.status, t.attempt
          from mlops.run_event_batches b cross join unnest(b.tasks, b.attempts) as t(task, attempt)) e
    where e.task is not null and e.status in ('succeeded', 'failed', 'timed_out', 'crashed', 'cancelled') and e.attempt is not null
    group by e.run_id, e.task, e.attempt having count(*) > 1
    union all
    select 'events of run ' || run_id || ' have gaps'
    from (select run_id, seq as last, 1 as events from mlops.run_events
          union all select run_id, last_seq, cardinality(tasks) from mlops.run_event_batches) e
    group by run_id having max(last) <> sum(events)`);
  return rows.map(({ problem }) => problem);
}
