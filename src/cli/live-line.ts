/** One line at the foot of a terminal that is redrawn in place, under the lines that stay. Gone when it is stopped. */

const CLEAR = '\r\u001b[2K';
const REDRAW_EVERY_MS = 200;

/** What is used of a terminal; `columns` is read at each redraw, so that a resized window counts. */
export interface Terminal {
  readonly columns?: number;
  write(text: string): unknown;
}

export interface LiveLine {
  /** A line that stays, above the live one. */
  print(text: string): void;
  redraw(): void;
  stop(): void;
}

/** `text`: the line as it is now for that width; undefined: nothing to show. It must be no wider. */
export function startLiveLine(
  terminal: Terminal,
  text: (width: number) => string | undefined,
  paint: (text: string) => string = (plain) => plain,
): LiveLine {
  let shown = false;
  let stopped = false;

  function draw(above = ''): void {
    const now = stopped ? undefined : text(terminal.columns ?? 80);
    const out = `${shown ? CLEAR : ''}${above}${now === undefined ? '' : paint(now)}`;
    shown = now !== undefined;
    if (out !== '') terminal.write(out);
  }

  const timer = setInterval(() => draw(), REDRAW_EVERY_MS);
  timer.unref();
  return {
    print: (line) => draw(`${line}\n`),
    redraw: () => draw(),
    stop: () => {
      clearInterval(timer);
      if (stopped) return;
      stopped = true;
      draw();
    },
  };
}
