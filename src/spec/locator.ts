/** Where the parts of a resource stand in the user's file. Implementations may parse the file when first asked. */
import type { Position, SourceRange } from '../lib/source-range.ts';

export interface Locator {
  /** The value at a JSON pointer of the canonical form (or its key), else its nearest ancestor. */
  readonly at: (pointer: string, part?: 'key' | 'value') => SourceRange | undefined;
  /** Characters `start` to `end` of the text at the pointer. `written` is the whole text as the user's file has it. */
  readonly text: (pointer: string, written: string, start: number, end: number) => SourceRange | undefined;
  /** The code of the function at the pointer as the file has it; undefined where it stands elsewhere or is computed. */
  readonly code?: (pointer: string) => string | undefined;
  /** Where the expression at the pointer stands in its file; undefined where it is computed. */
  readonly expression?: (pointer: string) => ExpressionAt | undefined;
}

export interface ExpressionAt {
  /** Absolute. */
  readonly path: string;
  /** Offsets into the file. */
  readonly start: number;
  readonly end: number;
  /** A method of an object: `run() { … }`. */
  readonly isMethod: boolean;
}

export const NOWHERE: Locator = { at: () => undefined, text: () => undefined };

/** Segments of a JSON pointer, unescaped. */
export function segmentsOf(pointer: string): string[] {
  if (pointer === '') return [];
  return pointer
    .slice(1)
    .split('/')
    .map((segment) => segment.replaceAll('~1', '/').replaceAll('~0', '~'));
}

export function pointerTo(parent: string, segment: string | number): string {
  return `${parent}/${String(segment).replaceAll('~', '~0').replaceAll('/', '~1')}`;
}

export function camelCase(key: string): string {
  return key.replace(/_+([a-z0-9])/g, (_, letter: string) => letter.toUpperCase());
}

/** Whether a key as written stands for a field of the canonical form: `event_time` for eventTime, `feature_set` for featureSets. */
export function standsFor(written: string, field: string): boolean {
  if (written === field) return true;
  const camel = camelCase(written);
  return camel === field || `${camel}s` === field;
}

/** Line starts of a text, for turning offsets into positions. */
export interface LineIndex {
  readonly position: (offset: number) => Position;
  readonly lineStart: (line: number) => number;
}

export function lineIndex(text: string): LineIndex {
  const starts = [0];
  for (let at = text.indexOf('\n'); at !== -1; at = text.indexOf('\n', at + 1)) starts.push(at + 1);
  return {
    position: (offset) => {
      let low = 0;
      let high = starts.length - 1;
      while (low < high) {
        const middle = (low + high + 1) >> 1;
        if ((starts[middle] ?? 0) <= offset) low = middle;
        else high = middle - 1;
      }
      return { line: low + 1, column: offset - (starts[low] ?? 0) + 1 };
    },
    lineStart: (line) => starts[line - 1] ?? text.length,
  };
}

export function rangeOf(file: string, lines: LineIndex, start: number, end: number): SourceRange {
  return { file, start: lines.position(start), end: lines.position(Math.max(end, start + 1)) };
}
