/** The live view of a run as lines: its head, then the DAG with what each task is at. Pure: width, height and time come in. */
import { secondsInWords } from '../../lib/units.ts';
import { elapsed } from '../output.ts';
import { type Colors, statusColor, statusSymbol } from '../run-view.ts';
import { type KnownDurations, taskLeft, timeLeft } from './estimate.ts';
import { inOrder } from './in-order.ts';
import { layoutOf, type Placed } from './layout.ts';
import { hasEnded, hasFailed, instanceCounts, type RunModel, type TaskModel } from './run-model.ts';
import { columnsOf, fitted, padded, plainLine } from './text-width.ts';

export interface LinesOptions {
  readonly nowMs: number;
  readonly width: number;
  /** Lines at most; undefined: as many as it takes. */
  readonly height: number | undefined;
  readonly colors: Colors;
  /** How long tasks took in a run before. */
  readonly known: KnownDurations;
}

export type RunLines = (options: LinesOptions) => readonly string[];

/** More tasks than this are not drawn as a graph: only what is going on. */
const DRAWN = 300;
const NAME_SHARE = 0.36;
const MIN_NAME_COLUMNS = 12;
const TIME_COLUMNS = 12;

/** The layout is worked out once for a set of tasks. */
export function createRunLines(model: RunModel): RunLines {
  let drawn:
    | { readonly size: number; readonly order: readonly TaskModel[]; readonly placed: readonly Placed[] }
    | undefined;
  const layout = () => {
    if (drawn?.size !== model.tasks.size) {
      const order = inOrder(model.tasks.values());
      const placed =
        order.length > DRAWN ? order.map(({ name }): Placed => ({ name, prefix: '', after: [] })) : layoutOf(order);
      drawn = { size: model.tasks.size, order, placed };
    }
    return drawn;
  };
  return (options) => {
    const { order, placed } = layout();
    const head = headLine(model, order, options);
    const room = Math.min(options.height === undefined ? Number.POSITIVE_INFINITY : options.height - 1, DRAWN);
    return [head, ...bodyLines(model, placed, Math.max(1, room), options)];
  };
}

function headLine(model: RunModel, order: readonly TaskModel[], { nowMs, width, colors, known }: LinesOptions): string {
  const since = model.startedAt ?? model.createdAt;
  const took = elapsed(Math.max(0, (model.endedAt ?? nowMs) - since));
  const counts = order.length > 1 ? countsText(order) : '';
  const left = hasEnded(model.status) ? undefined : timeLeft(order, known, nowMs);
  const parts = [
    `${model.pipeline} ${model.status}`,
    took,
    ...(counts === '' ? [] : [counts]),
    ...(left === undefined || left < 1000 ? [] : [`about ${secondsInWords(left / 1000)} left`]),
  ];
  const [first = '', ...rest] = parts;
  const text = fitted([first, ...rest].join('  '), width);
  const titled = text.startsWith(first)
    ? statusColor(model.status, colors)(colors.bold(first)) + text.slice(first.length)
    : text;
  return titled;
}

function countsText(order: readonly TaskModel[]): string {
  let [done, failed, running] = [0, 0, 0];
  for (const { status } of order) {
    if (hasEnded(status)) done += 1;
    if (hasFailed(status)) failed += 1;
    if (status === 'running') running += 1;
  }
  return [
    `${count(done)}/${count(order.length)} done`,
    ...(running > 0 ? [`${count(running)} running`] : []),
    ...(failed > 0 ? [`${count(failed)} failed`] : []),
  ].join(', ');
}

interface Line {
  readonly task: TaskModel;
  readonly placed: Placed;
}

function bodyLines(model: RunModel, placed: readonly Placed[], room: number, options: LinesOptions): readonly string[] {
  const lines = placed.flatMap((one): Line[] => {
    const task = model.tasks.get(one.name);
    return task === undefined ? [] : [{ task, placed: one }];
  });
  const shown = lines.length <= room ? new Set(lines) : chosen(lines, room);
  const labelled = [...shown].map(({ task, placed: { prefix } }) => columnsOf(prefix) + 2 + columnsOf(task.name));
  const widest = labelled.reduce((most, columns) => Math.max(most, columns), MIN_NAME_COLUMNS);
  const nameColumns = Math.min(widest, Math.max(MIN_NAME_COLUMNS, Math.floor(options.width * NAME_SHARE)));
  const texts: string[] = [];
  let hidden: TaskModel[] = [];
  const tellHidden = (): void => {
    if (hidden.length > 0) texts.push(options.colors.dim(fitted(hiddenText(hidden), options.width)));
    hidden = [];
  };
  for (const line of lines) {
    if (shown.has(line)) {
      tellHidden();
      texts.push(taskLine(line, nameColumns, options));
    } else hidden.push(line.task);
  }
  tellHidden();
  return texts;
}

/** What is going on before what waits, that before what is done; those left out leave a line where they stood. */
function chosen(lines: readonly Line[], room: number): ReadonlySet<Line> {
  const ranked = lines
    .map((line, index) => ({ line, index, rank: rankOf(line.task) }))
    .sort((a, b) => a.rank - b.rank || a.index - b.index);
  for (let keep = room; ; keep -= 1) {
    const kept = new Set(ranked.slice(0, Math.max(0, keep)).map(({ line }) => line));
    let gaps = 0;
    lines.forEach((line, index) => {
      if (!kept.has(line) && (index === 0 || kept.has(lines[index - 1] as Line))) gaps += 1;
    });
    if (kept.size + gaps <= room || keep <= 0) return kept;
  }
}

function rankOf({ status }: TaskModel): number {
  if (hasFailed(status)) return 0;
  if (status === 'running' || status === 'retrying') return 1;
  if (status === 'ready' || status === 'waiting') return 2;
  return hasEnded(status) ? 4 : 3;
}

function hiddenText(tasks: readonly TaskModel[]): string {
  const tally = new Map<string, number>();
  for (const { status } of tasks) {
    const word = hasFailed(status)
      ? 'failed'
      : status === 'succeeded'
        ? 'done'
        : hasEnded(status)
          ? 'not run'
          : status === 'running'
            ? 'running'
            : 'to come';
    tally.set(word, (tally.get(word) ?? 0) + 1);
  }
  return `  ⋮ ${[...tally].map(([word, number]) => `${count(number)} ${word}`).join(', ')}`;
}

function taskLine({ task, placed: { prefix, after } }: Line, nameColumns: number, options: LinesOptions): string {
  const { colors, width, nowMs } = options;
  const paint = statusColor(task.status, colors);
  const symbol = statusSymbol(task.status);
  const room = Math.max(1, nameColumns - columnsOf(prefix) - 2);
  const name = padded(fitted(task.name, room), room);
  const left = width - 2 - nameColumns - 2;
  const time = left < TIME_COLUMNS ? '' : padded(timeText(task, nowMs), TIME_COLUMNS);
  const detail = fitted(detailText(task, after, options), Math.max(0, left - TIME_COLUMNS));
  const line = `${colors.dim(prefix)}${paint(`${symbol} ${name}`)}${time === '' ? '' : `  ${colors.dim(time)}`}`;
  const told = hasFailed(task.status) ? colors.red(detail) : task.status === 'running' ? detail : colors.dim(detail);
  return `  ${detail === '' ? line.trimEnd() : `${line}${told}`}`;
}

function timeText(task: TaskModel, nowMs: number): string {
  if (task.startedAt === undefined) return '';
  return elapsed(Math.max(0, (task.endedAt ?? nowMs) - task.startedAt));
}

function detailText(task: TaskModel, after: readonly string[], { nowMs, width, known }: LinesOptions): string {
  const again = task.attempt > 1 ? `attempt ${task.attempt}` : '';
  const join = (...parts: readonly string[]): string => parts.filter((part) => part !== '').join(', ');
  const mapped = task.instances === undefined ? '' : mappedText(task, width);
  switch (task.status) {
    case 'running': {
      const left = taskLeft(task, known, nowMs);
      const eta = left === undefined || left < 1000 ? '' : `about ${secondsInWords(left / 1000)} left`;
      return join(mapped, again, eta, task.progress === null ? '' : plainLine(task.progress.what));
    }
    case 'retrying': {
      const waitMs = task.retryAt === undefined ? 0 : task.retryAt - nowMs;
      return join(
        `again ${waitMs > 0 ? `in ${secondsInWords(waitMs / 1000)}` : 'soon'}`,
        again,
        plainLine(task.error ?? ''),
      );
    }
    case 'ready':
    case 'waiting':
      return join('waits for room', again);
    case 'pending':
      return after.length === 0 ? '' : `after ${after.join(', ')}`;
    case 'succeeded':
      return join(mapped, again);
    default:
      return join(
        task.status === 'failed' ? '' : task.status.replaceAll('_', ' '),
        mapped,
        again,
        plainLine(task.error ?? ''),
      );
  }
}

/** `████████░░ 812/1,000, 3 failed`. */
export function mappedText(task: TaskModel, width: number): string {
  if (task.instances === undefined) return '';
  const { total, done, failed } = instanceCounts(task.instances);
  if (total === 0) return '';
  const cells = width >= 100 ? 10 : 0;
  const full = Math.floor((done / total) * cells);
  const bar = cells === 0 ? '' : `${'█'.repeat(full)}${'░'.repeat(cells - full)} `;
  return `${bar}${count(done)}/${count(total)}${failed > 0 ? `, ${count(failed)} failed` : ''}`;
}

const count = (value: number): string => value.toLocaleString('en-US');
