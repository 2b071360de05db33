/** Lines of prose within a width. What belongs together is never broken: addresses, paths, code in backticks. */

const ESC = String.fromCharCode(27);
const STYLE = new RegExp(`${ESC}\\[[0-9;]*m`, 'g');
/** The room that a line has at least, however deep it stands. */
const LEAST = 24;

/** Columns that a text takes on a terminal: colours take none. */
export function widthOf(text: string): number {
  return [...text.replace(STYLE, '')].length;
}

/**
 * The line, or several where it is too long: what comes below hangs by two columns, or stands at `hang`. A word that is longer
 * than the width stays whole.
 */
export function fitted(line: string, width: number, hang?: number): string[] {
  if (widthOf(line) <= width) return [line];
  const indent = line.length - line.trimStart().length;
  const below = ' '.repeat(Math.max(0, Math.min(hang ?? indent + 2, width - LEAST)));
  const lines: string[] = [];
  let current = '';
  for (const [, space = '', word = ''] of line.matchAll(/(\s*)((?:`[^`]*`|[^\s`]|`)+)/g)) {
    if (current.trim() !== '' && widthOf(current) + space.length + widthOf(word) > width) {
      lines.push(current);
      current = below + word;
    } else {
      current += space + word;
    }
  }
  return [...lines, current];
}
