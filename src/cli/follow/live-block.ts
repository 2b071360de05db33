/**
 * Lines at the foot of a terminal that are redrawn in place, under the lines that stay. One write a frame, only lines that
 * changed are written anew, and a terminal that can shows a frame at once: nothing flickers.
 */
import { columnsOf, plainLine } from './text-width.ts';

export interface Screen {
  readonly columns?: number;
  readonly rows?: number;
  write(text: string): unknown;
}

export interface LiveBlock {
  /** A line that stays, above the block. */
  print(text: string): void;
  redraw(): void;
  /** The last frame stays, in full; `lines`: what it is. Nothing of the block stays where it is left out. */
  stop(lines?: readonly string[]): void;
}

const LEAST_COLUMNS = 20;
const BEGIN_FRAME = '\u001b[?2026h';
const END_FRAME = '\u001b[?2026l';
const HIDE_CURSOR = '\u001b[?25l';
const SHOW_CURSOR = '\u001b[?25h';
const TO_LINE_END = '\u001b[K';
const TO_SCREEN_END = '\u001b[J';

/** `lines`: the block now, none wider than `columns` and not more than `rows`. */
export function startLiveBlock(
  screen: Screen,
  lines: (columns: number, rows: number) => readonly string[],
  everyMs = 200,
): LiveBlock {
  let shown: readonly string[] = [];
  let shownColumns = 0;
  let stopped = false;
  screen.write(HIDE_CURSOR);

  function draw(above = '', last?: readonly string[]): void {
    const columns = Math.max(1, screen.columns || 80);
    const rows = Math.max(5, screen.rows || 24);
    // The last column stays free: a terminal that wraps there would count one line more. A window too small for the lines wraps them.
    const wraps = columns < LEAST_COLUMNS;
    const next = last ?? (stopped ? [] : lines(Math.max(LEAST_COLUMNS, columns) - 1, rows - 1));
    if (above === '' && columns === shownColumns && same(next, shown)) return;
    // The cursor stands under the block; a window that became narrower has wrapped its lines.
    const height = shown.reduce((sum, line) => sum + Math.max(1, Math.ceil(columnsOf(plainLine(line)) / columns)), 0);
    const up = height === 0 ? '' : `\u001b[${height}A`;
    const body =
      above === '' && !wraps && columns === shownColumns && next.length >= shown.length
        ? next.map((line, index) => (line === shown[index] ? '\u001b[1B\r' : `\r${line}${TO_LINE_END}\n`)).join('')
        : `\r${TO_SCREEN_END}${above}${next.map((line) => `${line}\n`).join('')}`;
    screen.write(`${BEGIN_FRAME}${up}${body}${END_FRAME}`);
    shown = next;
    shownColumns = columns;
  }

  const timer = setInterval(() => draw(), everyMs);
  timer.unref();
  draw();
  return {
    print: (text) => draw(`${text}\n`),
    redraw: () => draw(),
    stop: (last) => {
      clearInterval(timer);
      if (stopped) return;
      stopped = true;
      draw('', last ?? []);
      shown = [];
      screen.write(SHOW_CURSOR);
    },
  };
}

const same = (a: readonly string[], b: readonly string[]): boolean =>
  a.length === b.length && a.every((line, index) => line === b[index]);
