/** What differs in a change as the body of a ```diff block: the marks stand in the first column, where viewers look for their colours. */
import type { Change } from '../change.ts';
import { type CodeText, differenceLines } from './difference.ts';
import type { Paint } from './paint.ts';
import { attributeLines } from './value.ts';

const INDENT = '  ';
const MARK = '\u0000';
const same = (text: string): string => text;
const marked = (text: string): string => `${MARK}${text}`;

/** Marks are told from texts that look like them by what is painted. */
const MARKING: Paint = {
  create: marked,
  update: marked,
  remove: marked,
  strong: same,
  faint: same,
  actions: (_actions, text) => text,
  class: (_name, text) => text,
  severity: (_severity, text) => text,
};

export function diffBody(change: Change, codeText: CodeText): readonly string[] {
  if (change.before === null) return wholeSpec(change.after, '+');
  if (change.after === null) return wholeSpec(change.before, '-');
  return differenceLines(change.diffs, INDENT, MARKING, codeText).map(inFirstColumn);
}

function wholeSpec(spec: Change['after'], mark: '+' | '-'): readonly string[] {
  const { name: _, ...rest } = spec ?? {};
  return attributeLines(rest, '').map((line) => `${mark} ${line}`);
}

/** `~` is no mark of a diff; `!` is: changed. */
function inFirstColumn(line: string): string {
  const at = line.search(/[^ ]/);
  if (at < 0 || line[at] !== MARK) return clean(line.slice(INDENT.length));
  const mark = line[at + 1] === '~' ? '!' : (line[at + 1] ?? ' ');
  return clean(`${mark} ${line.slice(INDENT.length, at)}${line.slice(at + 2).replace(/^ /, '')}`);
}

const clean = (line: string): string => line.replaceAll(MARK, '').trimEnd();
