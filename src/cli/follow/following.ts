/**
 * Follows a run until it ends or Ctrl-C: as a graph that is redrawn on a terminal, as lines elsewhere, as its events with
 * `--json`. Then how it ended and where the time went.
 */
import { type Orchestrator, type RunRecord, runEventView } from '../../compose/views.ts';
import { systemClock } from '../../lib/clock.ts';
import type { BaseCommand, GlobalFlags } from '../base-command.ts';
import { EXIT_ERROR, widthOf } from '../report.ts';
import type { KnownDurations } from './estimate.ts';
import { type LiveBlock, startLiveBlock } from './live-block.ts';
import { createPlainLines } from './plain-lines.ts';
import { createRunLines } from './run-lines.ts';
import { applyEvent, instanceOf, type RunModel, runModel, type TaskModel } from './run-model.ts';
import { runSummary, toldFailures } from './run-summary.ts';

const PROGRESS_EVERY_MS = 1_000;
const LOG_LINES = 8;
/** Of a run with more tasks it is not looked up how long each took before. */
const TASKS_REMEMBERED = 2_000;

/** Resolves when the run is at its end, or at once when the command is interrupted. */
export async function followRun(
  command: BaseCommand,
  orchestrator: Orchestrator,
  run: RunRecord,
  flags: GlobalFlags,
): Promise<void> {
  const { signal } = command.interruption;
  if (flags.json) {
    for await (const event of untilInterrupted(orchestrator.events(run.runId, { signal }), signal))
      command.event(runEventView(event));
    return;
  }
  const model = runModel(run);
  const colors = command.paintErrors(flags);
  const terminal = process.stderr.isTTY === true && process.env['TERM'] !== 'dumb';
  const view = terminal ? await openLiveView(command, orchestrator, model, flags) : undefined;
  const plain = createPlainLines(model, colors);
  try {
    for await (const event of untilInterrupted(orchestrator.events(run.runId, { signal }), signal)) {
      applyEvent(model, event);
      const line = view === undefined ? plain(event) : undefined;
      if (line !== undefined) command.note(line);
    }
  } finally {
    await view?.end();
  }
  if (signal.aborted) return;
  const logs = new Map<string, readonly string[]>();
  for (const task of toldFailures(model)) logs.set(task.name, await lastLines(orchestrator, run.runId, task, signal));
  for (const line of runSummary(model, { width: widthOf(process.stderr), colors, logs })) command.note(line);
}

/** The result, on standard output; answers the exit code. */
export async function tellResult(
  command: BaseCommand,
  orchestrator: Orchestrator,
  runId: string,
  flags: GlobalFlags,
): Promise<number> {
  const run = await orchestrator.get(runId);
  if (!flags.json) command.print(`${runId} ${run?.status ?? 'gone'}`);
  return run?.status === 'succeeded' ? 0 : EXIT_ERROR;
}

/** What is said when somebody stops watching. */
export const leftAlone = (runId: string): string =>
  [
    `${runId} goes on in the daemon.`,
    `  watch it again: mlops runs follow ${runId}`,
    `  cancel it:      mlops runs cancel ${runId}`,
  ].join('\n');

async function* untilInterrupted<T>(items: AsyncIterable<T>, signal: AbortSignal): AsyncGenerator<T, void, undefined> {
  try {
    yield* items;
  } catch (error) {
    if (!signal.aborted) throw error;
  }
}

async function openLiveView(
  command: BaseCommand,
  orchestrator: Orchestrator,
  model: RunModel,
  flags: GlobalFlags,
): Promise<{ readonly end: () => Promise<void> }> {
  const lines = createRunLines(model);
  const known = await durationsBefore(orchestrator, model);
  const colors = command.paintErrors(flags);
  const nowMs = (): number => systemClock.now().getTime();
  const block: LiveBlock = startLiveBlock(process.stderr, (width, height) =>
    lines({ nowMs: nowMs(), width, height, colors, known }),
  );
  command.live = block;
  let looking: Promise<void> | undefined;
  const timer = setInterval(() => {
    looking ??= takeProgress(orchestrator, model).finally(() => {
      looking = undefined;
    });
  }, PROGRESS_EVERY_MS);
  return {
    end: async () => {
      clearInterval(timer);
      await looking;
      command.live = undefined;
      const width = widthOf(process.stderr) - 1;
      block.stop(lines({ nowMs: nowMs(), width, height: Math.max(8, process.stderr.rows || 24), colors, known }));
    },
  };
}

/** What cannot be read now is read with the next look. */
async function takeProgress(orchestrator: Orchestrator, model: RunModel): Promise<void> {
  const told = await orchestrator.progress(model.runId).catch(() => undefined);
  if (told === undefined) return;
  for (const task of model.tasks.values()) if (task.status === 'running') task.progress = told.get(task.name) ?? null;
}

/** How long the tasks took in the last run of the pipeline that succeeded. */
async function durationsBefore(orchestrator: Orchestrator, model: RunModel): Promise<KnownDurations> {
  if (model.tasks.size > TASKS_REMEMBERED) return new Map();
  const { items } = await orchestrator.list({ pipeline: model.pipeline, status: 'succeeded', limit: 2 });
  const before = items.find(({ runId }) => runId !== model.runId);
  const run = before === undefined ? undefined : await orchestrator.get(before.runId);
  return new Map(
    (run?.tasks ?? []).flatMap(({ name, startedAt, finishedAt, status }) => {
      if (instanceOf(name) !== undefined) return [];
      if (status === 'skipped') return [[name, 0] as const];
      return startedAt === null || finishedAt === null
        ? []
        : [[name, finishedAt.getTime() - startedAt.getTime()] as const];
    }),
  );
}

async function lastLines(
  orchestrator: Orchestrator,
  runId: string,
  task: Pick<TaskModel, 'name' | 'error'>,
  signal: AbortSignal,
): Promise<readonly string[]> {
  let tail = '';
  try {
    for await (const text of orchestrator.logs(runId, task.name, { signal })) tail = (tail + text).slice(-16_384);
  } catch {
    // A task that failed before it began has no log.
    return [];
  }
  // Its last line says why it failed, which is told already.
  const told = (line: string): boolean => task.error !== null && line.endsWith(`: ${task.error.split('\n')[0]}`);
  return tail
    .split('\n')
    .filter((line) => line.trim() !== '' && !told(line))
    .slice(-LOG_LINES);
}
