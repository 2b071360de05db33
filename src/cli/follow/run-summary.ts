/** What is told of a run at its end: how its tasks ended, where the time went, and the last of the log of what failed. Pure. */
import { elapsed } from '../output.ts';
import { type Colors, statusColor, statusSymbol } from '../run-view.ts';
import { inOrder } from './in-order.ts';
import { hasEnded, hasFailed, mappedCounts, type RunModel, type TaskModel } from './run-model.ts';
import { columnsOf, fitted, plainLine } from './text-width.ts';

const STEPS_TOLD = 5;
const FAILURES_TOLD = 3;
/** Less than this is not worth a line. */
const LEAST_SHARE = 0.005;

export interface PathStep {
  readonly task: string;
  /** From the end of what it waited for to its start: for room, for a retry of what was before. */
  readonly waitedMs: number;
  /** From the start of its first attempt to its end. */
  readonly tookMs: number;
}

/** The tasks that the run waited for, from the first to the last: each ended last of those that the next one needs. */
export function criticalPath(model: RunModel): readonly PathStep[] {
  const order = inOrder(model.tasks.values());
  const began = model.startedAt ?? model.createdAt;
  const steps: PathStep[] = [];
  let at = lastOf(order);
  while (at?.startedAt !== undefined && at.endedAt !== undefined) {
    const before = lastOf(at.needs.flatMap((need) => model.tasks.get(need) ?? []));
    const freeAt = before?.endedAt ?? began;
    steps.unshift({
      task: at.name,
      waitedMs: Math.max(0, at.startedAt - freeAt),
      tookMs: Math.max(0, at.endedAt - at.startedAt),
    });
    at = before;
  }
  return steps;
}

/** Of those that ran, the one that ended last. */
function lastOf(tasks: readonly TaskModel[]): TaskModel | undefined {
  return tasks.reduce<TaskModel | undefined>((last, task) => {
    if (task.startedAt === undefined || task.endedAt === undefined) return last;
    return last?.endedAt === undefined || task.endedAt > last.endedAt ? task : last;
  }, undefined);
}

/** What failed by itself, the first first. */
export function failedTasks(model: RunModel): readonly TaskModel[] {
  return [...model.tasks.values()]
    .filter(({ status }) => hasFailed(status))
    .sort((a, b) => (a.endedAt ?? 0) - (b.endedAt ?? 0));
}

export interface SummaryOptions {
  readonly width: number;
  readonly colors: Colors;
  /** The last lines of the logs of tasks that failed, by task. */
  readonly logs: ReadonlyMap<string, readonly string[]>;
}

/** Which tasks' logs the summary shows. */
export const toldFailures = (model: RunModel): readonly TaskModel[] => failedTasks(model).slice(0, FAILURES_TOLD);

export function runSummary(model: RunModel, { width, colors, logs }: SummaryOptions): readonly string[] {
  const took = model.endedAt === undefined ? undefined : model.endedAt - (model.startedAt ?? model.createdAt);
  const paint = statusColor(model.status, colors);
  const head = `${statusSymbol(model.status)} ${model.status}${took === undefined ? '' : ` after ${elapsed(took)}`}`;
  const lines = [`${paint(head)}${colors.dim(fitted(`: ${endsText(model)}`, Math.max(1, width - columnsOf(head))))}`];
  lines.push(...timeLines(model, width, colors));
  for (const task of toldFailures(model))
    lines.push(...failureLines(model, task, width, colors, logs.get(task.name) ?? []));
  const more = failedTasks(model).length - FAILURES_TOLD;
  if (more > 0) lines.push('', `and ${more} more failed: mlops runs show ${model.runId}`);
  return lines;
}

function endsText(model: RunModel): string {
  const words = new Map<string, number>();
  const add = (word: string, by = 1): void => {
    words.set(word, (words.get(word) ?? 0) + by);
  };
  for (const { status } of model.tasks.values()) {
    if (status === 'succeeded') add('succeeded');
    else if (hasFailed(status)) add('failed');
    else if (status === 'skipped' || status === 'cancelled') add(status);
    else add(hasEnded(status) ? 'not run' : 'did not end');
  }
  const tasks = [...words].map(([word, count]) => `${count.toLocaleString('en-US')} ${word}`).join(', ');
  const mapped = mappedCounts(model);
  return mapped === 0 ? tasks : `${tasks}; ${mapped.toLocaleString('en-US')} instances`;
}

function timeLines(model: RunModel, width: number, colors: Colors): readonly string[] {
  const steps = criticalPath(model);
  const waited = steps.reduce((sum, { waitedMs }) => sum + waitedMs, 0);
  const total = steps.reduce((sum, { tookMs }) => sum + tookMs, waited);
  if (steps.length < 2 || total <= 0) return [];
  const slowest = [...steps].sort((a, b) => b.tookMs - a.tookMs).slice(0, STEPS_TOLD);
  const others = steps.filter((step) => !slowest.includes(step)).reduce((sum, { tookMs }) => sum + tookMs, 0);
  const rows = [
    ...slowest.map(({ task, tookMs }) => ({ name: task, ms: tookMs })),
    ...(others > 0 ? [{ name: `${steps.length - slowest.length} others`, ms: others }] : []),
    ...(waited > 0 ? [{ name: 'waiting', ms: waited }] : []),
  ].sort((a, b) => b.ms - a.ms);
  const nameColumns = Math.min(Math.max(...rows.map(({ name }) => name.length)), Math.max(8, width - 24));
  return [
    colors.dim(fitted('where the time went:', width)),
    ...rows
      .filter(({ ms }) => ms / total >= LEAST_SHARE)
      .map(({ name, ms }) => {
        const share = `${Math.round((ms / total) * 100)} %`;
        return fitted(
          `  ${fitted(name, nameColumns).padEnd(nameColumns)}  ${elapsed(ms).padEnd(12)}${share.padStart(5)}`,
          width,
        );
      }),
  ];
}

function failureLines(
  model: RunModel,
  task: TaskModel,
  width: number,
  colors: Colors,
  log: readonly string[],
): readonly string[] {
  const tries = task.attempt > 1 ? ` in attempt ${task.attempt}` : '';
  const why = task.error === null ? '' : `: ${plainLine(task.error)}`;
  return [
    '',
    colors.red(fitted(`${task.name} ${task.status.replaceAll('_', ' ')}${tries}${why}`, width)),
    ...log.map((line) => `${colors.dim('  │')} ${fitted(plainLine(line), Math.max(1, width - 4))}`),
    colors.dim(fitted(`  mlops runs logs ${model.runId} ${task.name}`, width)),
  ];
}
