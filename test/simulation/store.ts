/**
 * The same actions on the store. Its clock does not move; instead all that it wrote down of a run's times moves back. What it chose in
 * a claim is checked against what may be chosen, and taken over; everything else must come out as the world says.
 */
import { randomUUID } from 'node:crypto';
import { admit } from '../../src/orchestrator/admission.ts';
import { newRun } from '../../src/orchestrator/new-run.ts';
import { runRules } from '../../src/orchestrator/rules.ts';
import type { Lease as HeldLease, WorkerIdentity } from '../../src/stores/control/runs.ts';
import { MANUAL, pipelineOf, type Rig } from '../support/orchestrator.ts';
import { candidates, free, type Lease, type TaskPlan, type TaskRef, taken, verdictOn, type World } from './model.ts';
import type { Action, Follow } from './schedule.ts';

export interface Followed {
  readonly follow: Follow;
  /** What differs between the store and the world. */
  differences(world: World): Promise<readonly string[]>;
}

export async function followOn(rig: Rig, world: World): Promise<Followed> {
  const { runs, db, scopeId } = rig;
  const workers = new Map<string, WorkerIdentity>();
  const idOf = new Map<string, string>();
  const nameOf = new Map<string, string>();
  for (const [node, capacity] of world.machines) {
    const worker = { workerId: randomUUID(), node, pid: 1, pidStartedAt: '1', capacity };
    workers.set(node, worker);
    await db.query(
      `insert into mlops.workers (worker_id, scope_id, node, pid, pid_started_at, cpu, memory_bytes, gpu, lease_until)
       values ($1, $2, $3, 1, '1', $4, $5, $6, 'infinity')`,
      [worker.workerId, scopeId, node, capacity.cpu, capacity.memoryBytes, capacity.gpu],
    );
  }

  async function create(run: string, tasks: readonly TaskPlan[]): Promise<void> {
    const runId = randomUUID();
    idOf.set(run, runId);
    nameOf.set(runId, run);
    const spec = pipelineOf(
      Object.fromEntries(
        tasks.map(({ name, needs, trigger, when, priority, retry, deadlineMs, cpu, memoryBytes, gpu }) => [
          name,
          {
            needs: needs.map((need) => tasks[need]!.name),
            trigger,
            priority,
            retry,
            resources: { cpu, memory: String(memoryBytes), gpu },
            ...(when !== null && { when }),
            ...(deadlineMs !== null && { deadline: `${deadlineMs / 1000}s` }),
          } as never,
        ]),
      ),
    );
    await runs.create(
      newRun({ runId, spec, params: {}, cause: MANUAL, gitCommit: null, idempotencyKey: null }),
      runRules,
    );
  }

  /** What the store gave, if it may be given. */
  async function claim(before: World, machine: string, slots: number): Promise<World> {
    const { leases } = await runs.claim(workers.get(machine)!, slots, admit, runRules);
    const asked = candidates(before);
    const refused: TaskRef[] = [];
    for (const { run, ordinal } of asked) {
      const now = (await runs.task(idOf.get(run.id)!, `t${ordinal}`))!;
      if (now.status === 'failed' && !leases.some((lease) => isOf(lease, run.id, ordinal)))
        refused.push({ run: run.id, task: ordinal });
    }
    const starts = leases.map((lease) => refOf(lease));
    const room = { ...free(before, machine) };
    for (const { run, task } of starts) {
      const found = asked.find((other) => other.run.id === run && other.ordinal === task);
      if (found === undefined) throw new Error(`${run}.t${task} was given out and may not start`);
      room.cpu -= found.task.cpu;
      room.memoryBytes -= found.task.memoryBytes;
      room.gpu -= found.task.gpu;
    }
    if (room.cpu < -1e-9 || room.memoryBytes < 0 || room.gpu < 0) throw new Error(`${machine} got more than it has`);
    if (starts.length > slots) throw new Error(`${starts.length} tasks for ${slots} slots`);
    for (const { run, task } of refused) {
      const { cpu, memoryBytes, gpu } = before.runs.get(run)!.tasks[task]!;
      const some = [...before.machines.values()].some(
        (one) => cpu <= one.cpu && memoryBytes <= one.memoryBytes && gpu <= one.gpu,
      );
      if (some) throw new Error(`${run}.t${task} was refused though a machine holds it`);
    }
    for (const lease of leases) checkBudgets(before, lease);
    return taken(before, machine, starts, refused);
  }

  function checkBudgets(before: World, lease: HeldLease): void {
    const { run, task } = refOf(lease);
    const known = before.runs.get(run)!.tasks[task]!;
    const told = [lease.attempt, lease.failures, lease.recoveries];
    const expected = [known.attempt + 1, known.failures, known.recoveries];
    if (told.join() !== expected.join())
      throw new Error(`the lease of ${run}.t${task} says ${told.join()}, expected ${expected.join()}`);
  }

  const refOf = (lease: HeldLease): TaskRef => ({
    run: nameOf.get(lease.runId)!,
    task: Number(lease.task.slice(1)),
  });
  const isOf = (lease: HeldLease, run: string, task: number): boolean =>
    refOf(lease).run === run && refOf(lease).task === task;

  function endOf(before: World, { run, task, attempt }: Lease, action: Extract<Action, { do: 'end' }>['end']) {
    return {
      runId: idOf.get(run)!,
      task: `t${task}`,
      attempt,
      ...action,
      error: null,
      outputs: {},
      data: {},
      usage: null,
      ...verdictOn(before, before.runs.get(run)!.tasks[task]!, action),
    };
  }

  async function onStore(action: Exclude<Action, { do: 'claim' }>, before: World): Promise<void> {
    switch (action.do) {
      case 'create':
        return create(action.run, action.tasks);
      case 'end': {
        const end = endOf(before, action.lease, action.end);
        const [isHeld] = await runs.end([end], runRules);
        const expected = before.leases.some(
          ({ run, task, attempt }) =>
            run === action.lease.run && task === action.lease.task && attempt === action.lease.attempt,
        );
        if (isHeld !== expected) throw new Error(`the store says that the lease is ${isHeld ? '' : 'not '}held`);
        return;
      }
      case 'lose':
        await db.query(
          `update mlops.task_attempts set lease_until = clock_timestamp() where run_id = $1 and ordinal = $2 and attempt = $3`,
          [idOf.get(action.lease.run), action.lease.task, action.lease.attempt],
        );
        return;
      case 'give up': {
        const expired = await runs.expiredLeases();
        if (expired.length !== before.leases.filter(({ lost }) => lost).length)
          throw new Error(`${expired.length} leases are over`);
        if (!(await runs.giveUp(endOf(before, action.lease, { status: 'crashed', exitCode: null }), runRules)))
          throw new Error('the lease could not be given up');
        return;
      }
      case 'cancel':
        await runs.cancel(idOf.get(action.run)!, 'ada', runRules);
        return;
      case 'retry':
        await runs.retry(idOf.get(action.run)!, 'ada', runRules);
        return;
      case 'pass': {
        const back = `- ${action.ms} * interval '1 millisecond'`;
        await db.query(
          `update mlops.tasks set ready_at = ready_at ${back}, not_before = not_before ${back}, deadline_at = deadline_at ${back} where scope_id = $1`,
          [scopeId],
        );
        return;
      }
      case 'end overdue':
        await runs.endOverdue(runRules);
        return;
    }
  }

  return {
    follow: async (action, before, expected) => {
      if (action.do === 'claim') return claim(before, action.machine, action.slots);
      await onStore(action, before);
      return expected;
    },
    differences: async (after) => {
      const found: string[] = [];
      for (const run of after.runs.values()) {
        const stored = (await runs.get(idOf.get(run.id)!))!;
        if (stored.status !== run.status) found.push(`${run.id} is ${stored.status}, expected ${run.status}`);
        for (const [ordinal, task] of run.tasks.entries()) {
          const { status, attempt } = stored.tasks[ordinal]!;
          const isSame = status === task.status || (mayStart(status) && mayStart(task.status));
          if (!isSame || attempt !== task.attempt)
            found.push(`${run.id}.t${ordinal} is ${status} (${attempt}), expected ${task.status} (${task.attempt})`);
        }
      }
      return found;
    },
  };
}

/** Whether it was looked at already and waits for room is no difference, nor whether a retry that is due was called ready. */
const mayStart = (status: string): boolean => status === 'ready' || status === 'waiting' || status === 'retrying';
