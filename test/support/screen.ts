/** A terminal as far as this program uses one: what was written becomes lines, with what scrolled away. */

export interface FakeScreen {
  readonly columns: number;
  readonly rows: number;
  readonly writes: number;
  write(text: string): void;
  /** What is on the screen, without empty lines at its end. */
  text(): string;
  /** What scrolled out at the top. */
  scrollback(): readonly string[];
  cursorShown(): boolean;
  /** Whether the whole screen was ever cleared: that flickers. */
  cleared(): boolean;
}

export function screen({ columns, rows }: { readonly columns: number; readonly rows: number }): FakeScreen {
  const lines: string[] = [''];
  const scrolled: string[] = [];
  let [row, column, writes] = [0, 0, 0];
  let [shown, wiped] = [true, false];

  function newLine(): void {
    row += 1;
    if (row === lines.length) lines.push('');
    if (lines.length > rows) {
      scrolled.push(lines.shift() ?? '');
      row -= 1;
    }
  }

  function put(character: string): void {
    if (column === columns) {
      column = 0;
      newLine();
    }
    const cells = [...(lines[row] ?? '').padEnd(column)];
    cells[column] = character;
    lines[row] = cells.join('');
    column += 1;
  }

  function control(final: string, parameters: string): void {
    const amount = Number(parameters === '' ? '1' : parameters);
    if (final === 'A') row = Math.max(0, row - amount);
    else if (final === 'B') row = Math.min(lines.length - 1, row + amount);
    else if (final === 'K') {
      if (parameters === '2') lines[row] = '';
      else lines[row] = [...(lines[row] ?? '')].slice(0, column).join('');
    } else if (final === 'J') {
      if (parameters === '2' || parameters === '3') wiped = true;
      lines[row] = [...(lines[row] ?? '')].slice(0, column).join('');
      lines.length = row + 1;
    } else if (parameters === '?25') shown = final === 'h';
  }

  return {
    columns,
    rows,
    get writes() {
      return writes;
    },
    write: (text) => {
      writes += 1;
      // biome-ignore lint/suspicious/noControlCharactersInRegex: escape sequences are what is read.
      for (const [token, parameters, final] of text.matchAll(/\u001b\[([0-?]*)([@-~])|[\s\S]/gu)) {
        if (final !== undefined) control(final, parameters ?? '');
        else if (token === '\r') column = 0;
        else if (token === '\n') {
          newLine();
          column = 0;
        } else put(token);
      }
    },
    text: () =>
      lines
        .map((line) => line.trimEnd())
        .join('\n')
        .trimEnd(),
    scrollback: () => scrolled,
    cursorShown: () => shown,
    cleared: () => wiped,
  };
}
