/** What holds in every world, told from the states alone and in other words than the scheduler's own. Answers what is wrong. */
import { MAX_RECOVERIES } from '../../src/orchestrator/retry.ts';
import { isEnded, isRunEnded, outcomeOf } from '../../src/stores/control/run-states.ts';
import { dependentsOf, free, type Run, type Task, type World } from './model.ts';

export function problemsOf(world: World): readonly string[] {
  return [...roomProblems(world), ...leaseProblems(world), ...[...world.runs.values()].flatMap(runProblems)];
}

function roomProblems(world: World): string[] {
  return [...world.machines.keys()].flatMap((machine) => {
    const left = free(world, machine);
    return left.cpu < -1e-9 || left.memoryBytes < 0 || left.gpu < 0
      ? [`machine ${machine} holds more than it has: ${JSON.stringify(left)} left`]
      : [];
  });
}

/** A task that runs has one lease, of its attempt; another has none. */
function leaseProblems(world: World): string[] {
  return [...world.runs.values()].flatMap((run) =>
    run.tasks.flatMap((task, ordinal) => {
      const leases = world.leases.filter((lease) => lease.run === run.id && lease.task === ordinal);
      const right =
        task.status === 'running' ? leases.length === 1 && leases[0]!.attempt === task.attempt : leases.length === 0;
      return right ? [] : [`${run.id}.${task.name} is ${task.status} and has ${leases.length} leases`];
    }),
  );
}

export function runProblems(run: Run): string[] {
  const problems: string[] = [];
  const say = (task: Task, what: string) => problems.push(`${run.id}.${task.name} ${what}`);
  for (const task of run.tasks) {
    if (task.failures > (task.retry.limit ?? 0) + 1) say(task, `failed ${task.failures} times`);
    if (task.recoveries > MAX_RECOVERIES + 1) say(task, `crashed ${task.recoveries} times`);
    const may = mayRun(task, run.tasks);
    const moves = task.status === 'ready' || task.status === 'waiting' || task.status === 'running';
    if (moves && may !== true) say(task, `is ${task.status} though its rule says ${may}`);
    if (task.status === 'pending' && !run.cancelling && may !== undefined)
      say(task, `still is pending: its rule says ${may}`);
  }
  const isOver = run.tasks.every(({ status }) => isEnded(status));
  if (isOver !== isRunEnded(run.status))
    problems.push(`${run.id} is ${run.status}, its tasks are ${isOver ? '' : 'not '}at their ends`);
  if (isOver && run.status !== expectedEnd(run))
    problems.push(`${run.id} is ${run.status}; expected ${expectedEnd(run)}`);
  return problems;
}

/** True: it may; false: it never will; undefined: not known yet. */
function mayRun(task: Task, tasks: readonly Task[]): boolean | undefined {
  const ends = task.needs
    .map((need) => tasks[need]!.status)
    .map((status) => (isEnded(status) ? outcomeOf(status) : undefined));
  if (ends.length === 0) return true;
  const all = !ends.includes(undefined);
  const has = (outcome: string): boolean => ends.includes(outcome as 'failed');
  switch (task.trigger) {
    case 'always':
    case 'all_done':
      return all ? true : undefined;
    case 'all_success':
      if (has('failed')) return false;
      return all ? !has('skipped') : undefined;
    case 'none_failed':
      if (has('failed')) return false;
      return all ? true : undefined;
    case 'one_success':
      return has('succeeded') ? true : all ? false : undefined;
    case 'one_failed':
      return has('failed') ? true : all ? false : undefined;
  }
}

function expectedEnd(run: Run): 'succeeded' | 'failed' | 'cancelled' {
  if (run.cancelling) return 'cancelled';
  const failed = (task: Task): boolean => outcomeOf(task.status) === 'failed';
  const isTolerated = (ordinal: number): boolean => {
    const after = dependentsOf(run.tasks, ordinal)
      .map((dependent) => ({ dependent, task: run.tasks[dependent]! }))
      .filter(({ task }) => task.trigger !== 'all_done' && task.trigger !== 'always' && task.trigger !== 'one_failed');
    return (
      after.length > 0 &&
      after.every(
        ({ dependent, task }) =>
          (task.trigger === 'one_success' && task.status === 'succeeded') || (failed(task) && isTolerated(dependent)),
      )
    );
  };
  return run.tasks.some((task, ordinal) => failed(task) && !isTolerated(ordinal)) ? 'failed' : 'succeeded';
}
