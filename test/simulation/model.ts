/**
 * The scheduler as a pure function: a world of runs, machines and leases, and what each action makes of it. It follows
 * docs/runs.md and docs/semantics.md, takes the product's own pure rules (what settles a task, who is admitted, what is tried
 * again), and keeps no clock: time passes when an action says so. The store is held to it action by action.
 */
import { admit } from '../../src/orchestrator/admission.ts';
import { retryVerdict } from '../../src/orchestrator/retry.ts';
import { runRules } from '../../src/orchestrator/rules.ts';
import type { Retry } from '../../src/spec/schema-types.ts';
import {
  type AttemptStatus,
  assertRunMove,
  assertTaskMove,
  isEnded,
  isRunEnded,
  outcomeOf,
  type RunStatus,
  type TaskStatus,
} from '../../src/stores/control/run-states.ts';
import type { Candidate, Demand, Trigger } from '../../src/stores/control/runs.ts';

/** What does not change of a task. */
export interface TaskPlan extends Demand {
  readonly name: string;
  readonly needs: readonly number[];
  readonly trigger: Trigger;
  readonly when: string | null;
  readonly priority: number;
  readonly retry: Retry;
  readonly deadlineMs: number | null;
}

export interface Task extends TaskPlan {
  readonly status: TaskStatus;
  readonly attempt: number;
  readonly failures: number;
  readonly recoveries: number;
  readonly readyAt: number | null;
  readonly notBefore: number | null;
  readonly deadlineAt: number | null;
}

export interface Run {
  readonly id: string;
  readonly status: RunStatus;
  readonly cancelling: boolean;
  readonly tasks: readonly Task[];
}

export interface Lease {
  readonly run: string;
  readonly task: number;
  readonly attempt: number;
  readonly machine: string;
  /** Its worker is silent: it holds no room any more, and waits to be given up. */
  readonly lost: boolean;
}

export interface World {
  readonly nowMs: number;
  readonly machines: ReadonlyMap<string, Demand>;
  readonly runs: ReadonlyMap<string, Run>;
  readonly leases: readonly Lease[];
}

export interface End {
  readonly status: AttemptStatus;
  readonly exitCode: number | null;
}

export const beginning = (machines: ReadonlyMap<string, Demand>): World => ({
  nowMs: 0,
  machines,
  runs: new Map(),
  leases: [],
});

export function create(world: World, id: string, plans: readonly TaskPlan[]): World {
  const tasks = plans.map(
    (plan): Task => ({
      ...plan,
      status: 'pending',
      attempt: 0,
      failures: 0,
      recoveries: 0,
      readyAt: null,
      notBefore: null,
      deadlineAt: null,
    }),
  );
  return settled(world, { id, status: 'queued', cancelling: false, tasks });
}

/** What the worker of a machine takes, by the product's own packing. */
export function claim(world: World, machine: string, slots: number): World {
  const found = candidates(world);
  const asked = found.map(({ run, ordinal, task }): Candidate => {
    const { priority, cpu, memoryBytes, gpu } = task;
    return {
      runId: run.id,
      task: String(ordinal),
      priority,
      cpu,
      memoryBytes,
      gpu,
      waitedSeconds: waited(world, task),
    };
  });
  const { admit: chosen, refuse } = admit(asked, {
    free: free(world, machine),
    machine: world.machines.get(machine)!,
    machines: [...world.machines.values()],
    slots,
  });
  const pick = (index: number): TaskRef => ({ run: found[index]!.run.id, task: found[index]!.ordinal });
  return taken(
    world,
    machine,
    chosen.map(pick),
    refuse.map(({ index }) => pick(index)),
  );
}

export interface TaskRef {
  readonly run: string;
  readonly task: number;
}

/** Tasks start on a machine; others are refused: no machine is large enough. */
export function taken(world: World, machine: string, starts: readonly TaskRef[], refused: readonly TaskRef[]): World {
  let next = world;
  for (const { run, task } of starts) {
    const found = next.runs.get(run)!;
    const attempt = found.tasks[task]!.attempt + 1;
    next = withTask(next, run, task, (was) => moved(next, readied(next, was), 'running', { attempt }));
    if (found.status === 'queued') next = withRun(next, moveRun(next.runs.get(run)!, 'running'));
    next = { ...next, leases: [...next.leases, { run, task, attempt, machine, lost: false }] };
  }
  for (const { run, task } of refused) {
    next = withTask(next, run, task, (was) => moved(next, readied(next, was), 'failed'));
    next = settled(next, next.runs.get(run)!);
  }
  return next;
}

/** An attempt ends. A lease that is not held any more changes nothing. */
export function end(world: World, lease: Omit<Lease, 'machine' | 'lost'>, { status, exitCode }: End): World {
  const held = world.leases.find((other) => sameLease(other, lease));
  if (held === undefined) return world;
  const run = world.runs.get(lease.run)!;
  const task = run.tasks[lease.task]!;
  const verdict = verdictOn(world, task, { status, exitCode });
  const cancelled = run.cancelling && status !== 'succeeded';
  const again = verdict.retryInMs !== null && !cancelled;
  const spent = {
    failures: task.failures + (verdict.counts === 'failure' ? 1 : 0),
    recoveries: task.recoveries + (verdict.counts === 'recovery' ? 1 : 0),
  };
  const released: World = { ...world, leases: world.leases.filter((other) => other !== held) };
  const next = withTask(released, lease.run, lease.task, (was) =>
    again
      ? moved(world, moved(world, was, status), 'retrying', { ...spent, notBefore: world.nowMs + verdict.retryInMs! })
      : moved(world, was, cancelled ? 'cancelled' : status, spent),
  );
  return settled(next, next.runs.get(lease.run)!);
}

/** Retries have no jitter here: the same on both sides. */
export function verdictOn(world: World, task: Task, attempt: End): ReturnType<typeof retryVerdict> {
  const left = task.deadlineAt === null ? null : task.deadlineAt - world.nowMs;
  return retryVerdict(task.retry, task, attempt, left, () => 1);
}

/** A worker falls silent. */
export function lose(world: World, lease: Lease): World {
  return { ...world, leases: world.leases.map((other) => (other === lease ? { ...other, lost: true } : other)) };
}

export function cancel(world: World, id: string): World {
  const run = world.runs.get(id)!;
  if (isRunEnded(run.status) || run.cancelling) return world;
  const waiting: readonly TaskStatus[] = ['pending', 'ready', 'waiting', 'retrying'];
  const tasks = run.tasks.map((task) => (waiting.includes(task.status) ? moved(world, task, 'cancelled') : task));
  return settled(world, { ...run, cancelling: true, tasks });
}

/** What failed or was cancelled, and what that held up, once more. */
export function retry(world: World, id: string): World {
  const run = world.runs.get(id)!;
  const repeated = new Set<number>();
  const visit = (ordinal: number): void => {
    if (repeated.has(ordinal) || run.tasks[ordinal]!.status === 'succeeded') return;
    repeated.add(ordinal);
    dependentsOf(run.tasks, ordinal).forEach(visit);
  };
  for (const [ordinal, task] of run.tasks.entries()) if (outcomeOf(task.status) === 'failed') visit(ordinal);
  const fresh = { failures: 0, recoveries: 0, readyAt: null, notBefore: null, deadlineAt: null };
  const tasks = run.tasks.map((task, at) => (repeated.has(at) ? moved(world, task, 'pending', fresh) : task));
  return settled(world, { ...moveRun(run, 'running'), cancelling: false, tasks });
}

export const pass = (world: World, ms: number): World => ({ ...world, nowMs: world.nowMs + ms });

/** What waits beyond its deadline ends. */
export function endOverdue(world: World): World {
  let next = world;
  for (const { id, cancelling } of world.runs.values()) {
    if (cancelling) continue;
    const { tasks } = next.runs.get(id)!;
    const late = tasks.map(
      (task) =>
        (task.status === 'ready' || task.status === 'waiting' || task.status === 'retrying') &&
        task.deadlineAt !== null &&
        task.deadlineAt <= world.nowMs,
    );
    if (!late.includes(true)) continue;
    const ended = tasks.map((task, ordinal) => (late[ordinal] ? moved(world, task, 'timed_out') : task));
    next = settled(next, { ...next.runs.get(id)!, tasks: ended });
  }
  return next;
}

// ---- what may be asked of a world ----

export interface Found {
  readonly run: Run;
  readonly ordinal: number;
  readonly task: Task;
}

/** Tasks that may start now. */
export function candidates(world: World): readonly Found[] {
  return [...world.runs.values()].flatMap((run) =>
    run.cancelling
      ? []
      : run.tasks.flatMap((task, ordinal) => {
          const due =
            task.status === 'ready' ||
            task.status === 'waiting' ||
            (task.status === 'retrying' && (task.notBefore ?? 0) <= world.nowMs);
          return due && (task.deadlineAt === null || task.deadlineAt > world.nowMs) ? [{ run, ordinal, task }] : [];
        }),
  );
}

/** What a machine has, less what live leases on it hold. */
export function free(world: World, machine: string): Demand {
  const left = { ...world.machines.get(machine)! };
  for (const lease of world.leases) {
    if (lease.machine !== machine || lease.lost) continue;
    const { cpu, memoryBytes, gpu } = world.runs.get(lease.run)!.tasks[lease.task]!;
    left.cpu -= cpu;
    left.memoryBytes -= memoryBytes;
    left.gpu -= gpu;
  }
  return left;
}

/** Seconds since it last could run. A retry that is due starts anew: it waited by order, not for room. */
export const waited = (world: World, task: Task): number => (world.nowMs - (task.readyAt ?? world.nowMs)) / 1000;

export const sameLease = (a: Omit<Lease, 'machine' | 'lost'>, b: Omit<Lease, 'machine' | 'lost'>): boolean =>
  a.run === b.run && a.task === b.task && a.attempt === b.attempt;

// ---- how states change ----

/** Settles what its tasks' ends allow, and ends the run with its last task. */
function settled(world: World, run: Run): World {
  let { tasks } = run;
  for (let isChanging = !run.cancelling; isChanging; ) {
    const next = tasks.map((task) => settledTask(world, run, tasks, task));
    isChanging = next.some((task, ordinal) => task !== tasks[ordinal]);
    tasks = next;
  }
  const now: Run = { ...run, tasks };
  if (isRunEnded(now.status) || !tasks.every(({ status }) => isEnded(status))) return withRun(world, now);
  if (now.cancelling) return withRun(world, moveRun(now, 'cancelled'));
  const result = runRules.result(
    tasks.map(({ status, trigger }, ordinal) => ({ status, trigger, dependents: dependentsOf(tasks, ordinal) })),
  );
  return withRun(world, moveRun(now.status === 'queued' ? moveRun(now, 'running') : now, result));
}

function settledTask(world: World, run: Run, tasks: readonly Task[], task: Task): Task {
  if (task.status !== 'pending') return task;
  const ends = task.needs.map((need) => outcomeOf(tasks[need]!.status));
  const count = (outcome: string): number => ends.filter((other) => other === outcome).length;
  const { to } = runRules.settle(
    {
      name: task.name,
      trigger: task.trigger,
      when: task.when,
      needs: { total: ends.length, succeeded: count('succeeded'), failed: count('failed'), skipped: count('skipped') },
    },
    {
      runId: run.id,
      pipeline: 'p',
      params: {},
      cause: { kind: 'manual', who: null, schedule: null, instant: null },
      outputs: {},
    },
  );
  return to === 'pending' ? task : moved(world, task, to);
}

export function dependentsOf(tasks: readonly TaskPlan[], ordinal: number): number[] {
  return tasks.flatMap(({ needs }, dependent) => (needs.includes(ordinal) ? [dependent] : []));
}

/** A retry that is due is ready before it runs. */
function readied(world: World, task: Task): Task {
  return task.status === 'retrying' ? moved(world, task, 'ready') : task;
}

function moved(world: World, task: Task, to: TaskStatus, more: Partial<Task> = {}): Task {
  assertTaskMove(task.status, to);
  const ready =
    to === 'ready'
      ? {
          readyAt: world.nowMs,
          deadlineAt: task.deadlineAt ?? (task.deadlineMs === null ? null : world.nowMs + task.deadlineMs),
        }
      : {};
  return { ...task, ...ready, ...more, status: to };
}

function moveRun(run: Run, to: RunStatus): Run {
  assertRunMove(run.status, to);
  return { ...run, status: to };
}

function withRun(world: World, run: Run): World {
  return { ...world, runs: new Map(world.runs).set(run.id, run) };
}

function withTask(world: World, id: string, ordinal: number, change: (task: Task) => Task): World {
  const run = world.runs.get(id)!;
  return withRun(world, { ...run, tasks: run.tasks.map((task, at) => (at === ordinal ? change(task) : task)) });
}
