/** Runs for people: one line a change of state, one table for a run. */
import type { RunEvent, RunRecord } from '../compose/views.ts';
import { secondsInWords, sizeInWords } from '../lib/units.ts';
import { causeText } from './cause-text.ts';
import { elapsed, instant, table } from './output.ts';

export interface Colors {
  readonly green: (text: string) => string;
  readonly red: (text: string) => string;
  readonly yellow: (text: string) => string;
  readonly dim: (text: string) => string;
  readonly bold: (text: string) => string;
}

const SYMBOLS: Readonly<Record<string, string>> = {
  running: '▸',
  succeeded: '✓',
  failed: '✗',
  timed_out: '✗',
  crashed: '✗',
  cancelled: '■',
  skipped: '·',
  upstream_failed: '·',
  retrying: '↻',
  waiting: '…',
  pending: '○',
  ready: '…',
};

export const statusSymbol = (status: string): string => SYMBOLS[status] ?? '○';

export function statusColor(status: string, colors: Colors): (text: string) => string {
  if (status === 'succeeded') return colors.green;
  if (status === 'failed' || status === 'timed_out' || status === 'crashed') return colors.red;
  if (status === 'cancelled' || status === 'retrying' || status === 'upstream_failed') return colors.yellow;
  return (text) => text;
}

/** Undefined for what is not worth a line. It counts the time of each task by the events' own times. */
export function createRunProgress(colors: Colors): (event: RunEvent) => string | undefined {
  const started = new Map<string, number>();
  return (event) => {
    const { task, status, attempt, error, data } = event;
    // Of thousands of items people want to see those that went wrong.
    if (task?.endsWith(']') === true && error === null) return undefined;
    const subject = task ?? 'run';
    const at = event.at.getTime();
    if (status === 'running' && !(task === null && started.has(subject))) started.set(subject, at);
    if (status === 'pending' || status === 'ready' || status === 'queued' || (task === null && status === 'running'))
      return undefined;
    const begun = started.get(subject);
    const took = begun === undefined || status === 'running' ? '' : colors.dim(` ${elapsed(Math.max(0, at - begun))}`);
    const again = attempt !== null && attempt > 1 ? colors.dim(` (attempt ${attempt})`) : '';
    const taken = data['cached'] === undefined ? '' : colors.dim(' (cached)');
    const why = error === null ? '' : `\n    ${error.split('\n').join('\n    ')}`;
    const paint = statusColor(status, colors);
    return `  ${paint(`${statusSymbol(status)} ${subject.padEnd(18)}`)} ${paint(status)}${taken}${again}${took}${why}`;
  };
}

export function runText(run: RunRecord, colors: Colors): string {
  const params = Object.entries(run.params);
  return [
    `run       ${run.runId}`,
    `pipeline  ${run.pipeline}`,
    `status    ${statusColor(run.status, colors)(run.status)}`,
    `cause     ${causeText(run.cause)}`,
    ...(params.length === 0
      ? []
      : [`params    ${params.map(([name, value]) => `${name}=${String(value)}`).join(' ')}`]),
    `started   ${instant(run.startedAt)}`,
    `finished  ${instant(run.finishedAt)}`,
    '',
    table(
      ['TASK', 'OPERATOR', 'STATUS', 'ATTEMPT', 'TIME', 'CPU', 'MEMORY'],
      run.tasks.map((task) => [
        task.name,
        task.operator,
        task.items === null
          ? task.status
          : `${task.status} (${task.items.total - task.items.open} of ${task.items.total} items)`,
        String(task.attempt),
        span(task.startedAt, task.finishedAt),
        task.usage?.cpuSeconds == null ? '-' : elapsed(task.usage.cpuSeconds * 1000),
        task.usage?.peakMemoryBytes == null ? '-' : sizeInWords(task.usage.peakMemoryBytes),
      ]),
    ),
    ...run.tasks.flatMap(({ name, waitingFor }) =>
      waitingFor === null ? [] : ['', `${name} waits for ${waitingFor}`],
    ),
    ...run.tasks.flatMap(({ name, progress }) =>
      progress === null
        ? []
        : [
            '',
            `${name}: ${progress.what}${progress.etaSeconds ? `, about ${secondsInWords(progress.etaSeconds)} left` : ''}`,
          ],
    ),
    ...run.tasks.flatMap(({ name, reused }) =>
      reused === null ? [] : ['', `${name}: taken over from ${reused.task} of run ${reused.runId}`],
    ),
    ...run.tasks.flatMap((task) => (task.error === null ? [] : ['', `${colors.red(task.name)}: ${task.error}`])),
  ].join('\n');
}

const span = (from: Date | null, to: Date | null): string =>
  from === null || to === null ? '-' : elapsed(Math.max(0, to.getTime() - from.getTime()));
