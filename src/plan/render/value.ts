/** Values of specs as people read them: short ones on one line, long ones laid out below their name. */
import type { JsonObject, JsonValue } from '../../lib/json.ts';
import { isEnvRef } from '../../lib/secret.ts';
import { bundleFilesOf } from '../code-changes.ts';

const INLINE_WIDTH = 88;

export function inlineValue(value: JsonValue | undefined): string {
  if (value === undefined || value === null) return '(none)';
  if (typeof value === 'string') return JSON.stringify(value);
  if (typeof value !== 'object') return String(value);
  if (isEnvRef(value)) return `env(${JSON.stringify(value.$env)})`;
  if (Array.isArray(value)) return `[${value.map(inlineValue).join(', ')}]`;
  const files = bundleFilesOf(value);
  if (files !== undefined) return files.length === 0 ? 'no files' : files.join(', ');
  const members = Object.entries(value).filter(([, member]) => member !== undefined);
  if (members.length === 0) return '{}';
  return `{ ${members.map(([key, member]) => `${key}: ${inlineValue(member)}`).join(', ')} }`;
}

/** `name  value` lines, names aligned; what does not fit on a line of `width` goes below, indented. */
export function attributeLines(attributes: JsonObject, indent: string, lineWidth = Number.POSITIVE_INFINITY): string[] {
  const members: { readonly name: string; readonly value: JsonValue; readonly short: string | undefined }[] = [];
  let width = 0;
  for (const [name, value] of Object.entries(attributes)) {
    if (value === undefined || value === null) continue;
    const short = shortForm(value, lineWidth - indent.length - name.length - 2);
    if (short !== undefined) width = Math.max(width, name.length);
    members.push({ name, value, short });
  }
  const lines: string[] = [];
  for (const { name, value, short } of members) {
    if (short !== undefined) lines.push(`${indent}${name.padEnd(width)}  ${short}`);
    else lines.push(`${indent}${name}`, ...blockLines(value, `${indent}  `, lineWidth));
  }
  return lines;
}

/** A value that stands below its name. */
export function blockLines(
  value: JsonValue | undefined,
  indent: string,
  lineWidth = Number.POSITIVE_INFINITY,
): string[] {
  if (typeof value === 'string' && value.includes('\n')) return textLines(value).map((line) => `${indent}${line}`);
  if (Array.isArray(value)) {
    return value.flatMap((item: JsonValue) => {
      const short = shortForm(item, lineWidth - indent.length - 2);
      return short === undefined
        ? [`${indent}-`, ...blockLines(item, `${indent}  `, lineWidth)]
        : [`${indent}- ${short}`];
    });
  }
  if (typeof value === 'object' && value !== null && !isEnvRef(value))
    return attributeLines(value as JsonObject, indent, lineWidth);
  return [`${indent}${inlineValue(value)}`];
}

/** Lines of a text without the margin that they share: SQL inside a spec is indented with the file. */
export function textLines(text: string): string[] {
  const lines = text.replace(/^\n+/, '').trimEnd().split('\n');
  const margins = lines
    .slice(1)
    .filter((line) => line.trim() !== '')
    .map((line) => line.length - line.trimStart().length);
  const margin = margins.length === 0 ? 0 : Math.min(...margins);
  return lines.map((line, index) => (index === 0 ? line.trimStart() : line.slice(margin)));
}

/** The value on one line of at most `room` columns, where that is good to read. A text stays whole. */
export function shortForm(value: JsonValue | undefined, room = Number.POSITIVE_INFINITY): string | undefined {
  if (typeof value === 'string') {
    return value.includes('\n') || value.length > INLINE_WIDTH * 2 ? undefined : JSON.stringify(value);
  }
  const text = inlineValue(value);
  if (typeof value !== 'object' || value === null) return text;
  if (bundleFilesOf(value) !== undefined) return text;
  const nested = !Array.isArray(value) && Object.values(value).some(isNested);
  return text.length > Math.min(room, nested ? INLINE_WIDTH / 2 : INLINE_WIDTH) || text.includes('\\n')
    ? undefined
    : text;
}

function isNested(value: JsonValue | undefined): boolean {
  return typeof value === 'object' && value !== null && !isEnvRef(value);
}
