/**
 * A run as its events tell it: what the live view, the plain lines and the summary are drawn from. Instances of a mapped task
 * (`score[12]`) count for the task. Time is that of the events.
 */
import type { RunEvent, RunRecord } from '../../compose/views.ts';

type Status = RunRecord['tasks'][number]['status'];

export interface TaskModel {
  readonly name: string;
  readonly needs: readonly string[];
  status: Status;
  attempt: number;
  error: string | null;
  /** Since it is `ready`, for what it then waited. */
  readyAt: number | undefined;
  /** Start of the first attempt of this try of the run. */
  startedAt: number | undefined;
  endedAt: number | undefined;
  /** When the next attempt may start. */
  retryAt: number | undefined;
  /** How far the attempt is, where its operator tells. */
  progress: RunRecord['tasks'][number]['progress'];
  /** Of a mapped task: how its instances stand. */
  instances: Instances | undefined;
}

export interface Instances {
  readonly statuses: Map<number, Status>;
  readonly counts: Map<Status, number>;
}

export interface RunModel {
  readonly runId: string;
  readonly pipeline: string;
  status: RunRecord['status'];
  readonly createdAt: number;
  startedAt: number | undefined;
  endedAt: number | undefined;
  /** In the order of the pipeline, without instances. */
  readonly tasks: ReadonlyMap<string, TaskModel>;
}

const ENDED: ReadonlySet<string> = new Set([
  'succeeded',
  'failed',
  'timed_out',
  'crashed',
  'cancelled',
  'skipped',
  'upstream_failed',
]);
const FAILED: ReadonlySet<string> = new Set(['failed', 'timed_out', 'crashed']);

export const hasEnded = (status: string): boolean => ENDED.has(status);
export const hasFailed = (status: string): boolean => FAILED.has(status);

/** `score[12]` → the task and the place; undefined for any other name. */
export function instanceOf(name: string): { readonly task: string; readonly index: number } | undefined {
  const match = /^(.+)\[(\d+)\]$/.exec(name);
  return match?.[1] === undefined ? undefined : { task: match[1], index: Number(match[2]) };
}

/** Before its first event: as the run was made. */
export function runModel(run: Pick<RunRecord, 'runId' | 'pipeline' | 'createdAt' | 'tasks'>): RunModel {
  const tasks = new Map<string, TaskModel>();
  const mapped = new Set(run.tasks.flatMap(({ name }) => instanceOf(name)?.task ?? []));
  for (const { name, needs } of run.tasks) {
    if (instanceOf(name) !== undefined) continue;
    tasks.set(
      name,
      newTask(
        name,
        needs.filter((need) => instanceOf(need) === undefined),
        mapped.has(name),
      ),
    );
  }
  return {
    runId: run.runId,
    pipeline: run.pipeline,
    status: 'queued',
    createdAt: run.createdAt.getTime(),
    startedAt: undefined,
    endedAt: undefined,
    tasks,
  };
}

function newTask(name: string, needs: readonly string[], isMapped: boolean): TaskModel {
  return {
    name,
    needs,
    status: 'pending',
    attempt: 0,
    error: null,
    readyAt: undefined,
    startedAt: undefined,
    endedAt: undefined,
    retryAt: undefined,
    progress: null,
    instances: isMapped ? { statuses: new Map(), counts: new Map() } : undefined,
  };
}

export function applyEvent(model: RunModel, event: RunEvent): void {
  const at = event.at.getTime();
  if (event.task === null) {
    applyToRun(model, event.status as RunModel['status'], at);
    return;
  }
  const instance = instanceOf(event.task);
  if (instance !== undefined) {
    applyToInstance(model, instance.task, instance.index, event.status as Status);
    return;
  }
  const task = model.tasks.get(event.task) ?? addTask(model, newTask(event.task, [], false));
  const status = event.status as Status;
  if (status === 'pending') {
    // The run is tried again: what the task did before does not count for this try.
    task.startedAt = undefined;
    task.endedAt = undefined;
  }
  if (status === 'ready') task.readyAt ??= at;
  if (status === 'running') task.startedAt ??= at;
  task.endedAt = ENDED.has(status) ? at : undefined;
  task.retryAt = status === 'retrying' ? at + Number(event.data['retryInMs'] ?? 0) : undefined;
  if (event.attempt !== null) task.attempt = event.attempt;
  // Why it is tried again is told while it waits for that.
  if (status !== 'retrying') task.error = event.error;
  task.progress = null;
  task.status = status;
}

function applyToRun(model: RunModel, status: RunModel['status'], at: number): void {
  model.status = status;
  if (status === 'running') model.startedAt ??= at;
  model.endedAt = ENDED.has(status) ? at : undefined;
}

function applyToInstance(model: RunModel, name: string, index: number, status: Status): void {
  const task = model.tasks.get(name) ?? addTask(model, newTask(name, [], true));
  task.instances ??= { statuses: new Map(), counts: new Map() };
  const { statuses, counts } = task.instances;
  const before = statuses.get(index);
  if (before !== undefined) counts.set(before, (counts.get(before) ?? 1) - 1);
  statuses.set(index, status);
  counts.set(status, (counts.get(status) ?? 0) + 1);
}

function addTask(model: RunModel, task: TaskModel): TaskModel {
  (model.tasks as Map<string, TaskModel>).set(task.name, task);
  return task;
}

/** How many instances stand how. */
export function instanceCounts(instances: Instances): {
  readonly total: number;
  readonly done: number;
  readonly failed: number;
  readonly running: number;
} {
  let [done, failed] = [0, 0];
  for (const [status, count] of instances.counts) {
    if (ENDED.has(status)) done += count;
    if (FAILED.has(status)) failed += count;
  }
  return { total: instances.statuses.size, done, failed, running: instances.counts.get('running') ?? 0 };
}

/** Instances of all mapped tasks. */
export function mappedCounts(model: RunModel): number {
  let sum = 0;
  for (const { instances } of model.tasks.values()) sum += instances?.statuses.size ?? 0;
  return sum;
}
