/** Text for people: aligned columns, ages, numbers. */

/** Columns as wide as their widest cell; the last one is not padded. `rows` hold plain text; `paint` colours a padded cell. */
export function table(
  header: readonly string[],
  rows: readonly (readonly string[])[],
  paint: (text: string, column: number, row: number) => string = (text) => text,
): string {
  const widths = header.map((title, column) =>
    Math.max(title.length, ...rows.map((row) => (row[column] ?? '').length)),
  );
  const line = (cells: readonly string[], row: number): string =>
    cells
      .map((cell, column) => paint(column === cells.length - 1 ? cell : cell.padEnd(widths[column] ?? 0), column, row))
      .join('  ')
      .trimEnd();
  return [line(header, -1), ...rows.map((row, index) => line(row, index))].join('\n');
}

/** `2026-01-31 14:05:09` in UTC. */
export function instant(at: Date | string | null | undefined): string {
  if (at === null || at === undefined) return '-';
  return (typeof at === 'string' ? new Date(at) : at).toISOString().slice(0, 19).replace('T', ' ');
}

/** `340 ms`, `2.4 s`, `3 min 20 s`. */
export function elapsed(ms: number): string {
  if (ms < 1000) return `${Math.round(ms)} ms`;
  if (ms < 60_000) return `${(ms / 1000).toFixed(1)} s`;
  return `${Math.floor(ms / 60_000)} min ${Math.round((ms % 60_000) / 1000)} s`;
}

/** Four significant digits where there is a fraction. */
export function number(value: number): string {
  return Number.isInteger(value) ? String(value) : String(Number(value.toPrecision(4)));
}

export function valueText(value: unknown): string {
  if (value === null || value === undefined) return '-';
  if (typeof value === 'number') return number(value);
  if (value instanceof Date) return value.toISOString();
  return typeof value === 'object' ? JSON.stringify(value) : String(value);
}
