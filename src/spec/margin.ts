/** Code out of the middle of a file, as it would stand on its own. */

/** Lines without the margin that they have because they stand inside a file. */
export function withoutMargin(text: string): string {
  const [first = '', ...rest] = text.replaceAll('\r\n', '\n').split('\n');
  const margins = rest.filter((line) => line.trim() !== '').map((line) => line.length - line.trimStart().length);
  const margin = Math.min(...margins);
  return [first, ...rest.map((line) => line.slice(margin))].map((line) => line.trimEnd()).join('\n');
}
