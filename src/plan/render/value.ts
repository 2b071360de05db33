/** Values of specs as people read them: short ones on one line, long ones laid out below their name. */
import type { JsonObject, JsonValue } from '../../lib/json.ts';
import { isEnvRef } from '../../lib/secret.ts';

const INLINE_WIDTH = 88;

export function inlineValue(value: JsonValue | undefined): string {
  if (value === undefined || value === null) return '(none)';
  if (typeof value === 'string') return JSON.stringify(value);
  if (typeof value !== 'object') return String(value);
  if (isEnvRef(value)) return `env(${JSON.stringify(value.$env)})`;
  if (Array.isArray(value)) return `[${value.map(inlineValue).join(', ')}]`;
  const members = Object.entries(value).filter(([, member]) => member !== undefined);
  if (members.length === 0) return '{}';
  return `{ ${members.map(([key, member]) => `${key}: ${inlineValue(member)}`).join(', ')} }`;
}

/** `name  value` lines, names aligned; what does not fit on a line goes below, indented. */
export function attributeLines(attributes: JsonObject, indent: string): string[] {
  const members = Object.entries(attributes).filter(([, value]) => value !== undefined && value !== null);
  const width = Math.max(0, ...members.filter(([, value]) => isShort(value)).map(([name]) => name.length));
  return members.flatMap(([name, value]) =>
    isShort(value)
      ? [`${indent}${name.padEnd(width)}  ${inlineValue(value)}`]
      : [`${indent}${name}`, ...blockLines(value, `${indent}  `)],
  );
}

/** A value that stands below its name. */
export function blockLines(value: JsonValue | undefined, indent: string): string[] {
  if (typeof value === 'string' && value.includes('\n')) return textLines(value).map((line) => `${indent}${line}`);
  if (Array.isArray(value)) {
    return value.flatMap((item: JsonValue) =>
      isShort(item) ? [`${indent}- ${inlineValue(item)}`] : [`${indent}-`, ...blockLines(item, `${indent}  `)],
    );
  }
  if (typeof value === 'object' && value !== null && !isEnvRef(value))
    return attributeLines(value as JsonObject, indent);
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

export function isShort(value: JsonValue | undefined): boolean {
  if (typeof value === 'string') return !value.includes('\n') && value.length <= INLINE_WIDTH * 2;
  if (typeof value !== 'object' || value === null) return true;
  if (
    !Array.isArray(value) &&
    Object.values(value).some((member) => typeof member === 'object' && member !== null && !isEnvRef(member))
  ) {
    return inlineValue(value).length <= INLINE_WIDTH / 2 && !inlineValue(value).includes('\\n');
  }
  const text = inlineValue(value);
  return text.length <= INLINE_WIDTH && !text.includes('\\n');
}
