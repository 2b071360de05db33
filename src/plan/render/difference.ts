/** One attribute's difference as lines: values side by side, lists by what came and went, texts line by line. */
import { structuredPatch } from 'diff/lib/patch/create.js';
import { canonicalJson } from '../../lib/canonical.ts';
import type { JsonValue } from '../../lib/json.ts';
import type { AttributeDiff } from '../change.ts';
import { codeChange } from '../code-changes.ts';
import { dottedPath } from '../diff.ts';
import { widthOf } from './layout.ts';
import type { Paint } from './paint.ts';
import { blockLines, inlineValue, shortForm, textLines } from './value.ts';

/** Characters of two texts that are read at a glance. */
const SIDE_BY_SIDE = 88;

/** The text of a file of a code bundle by its digest; undefined where it is not to be had. */
export type CodeText = (digest: string) => string | undefined;

export function differenceLines(
  all: readonly AttributeDiff[],
  indent: string,
  paint: Paint,
  codeText: CodeText,
  /** A difference that is wider is told below its name. */
  lineWidth = Number.POSITIVE_INFINITY,
): string[] {
  const diffs = all.filter((diff) => codeChange(diff) === undefined);
  const width = diffs.reduce((most, { path }) => Math.max(most, dottedPath(path).length), 0);
  const attributes = diffs.flatMap((diff) => {
    const symbol = symbolOf(diff, paint);
    const name = dottedPath(diff.path);
    const text = oneLine(diff, paint);
    const line = `${indent}${symbol} ${name.padEnd(width)}  ${text}`;
    if (text !== undefined && (widthOf(line) <= lineWidth || !isCompoundChange(diff))) return [line];
    return [`${indent}${symbol} ${name}`, ...manyLines(diff, `${indent}    `, paint, lineWidth)];
  });
  return [...attributes, ...all.flatMap((diff) => codeLines(codeChange(diff), indent, paint, codeText))];
}

function symbolOf({ before, after }: Pick<AttributeDiff, 'before' | 'after'>, paint: Paint): string {
  if (before === null) return paint.create('+');
  return after === null ? paint.remove('-') : paint.update('~');
}

/** A file of code that changed, line by line where both texts are to be had. */
function codeLines(change: ReturnType<typeof codeChange>, indent: string, paint: Paint, codeText: CodeText): string[] {
  if (change === undefined || change === 'bundle') return [];
  const head = `${indent}${symbolOf(change, paint)} tasks.${change.task} code ${change.file}`;
  if (change.before === null || change.after === null) return [head];
  const [before, after] = [codeText(change.before), codeText(change.after)];
  if (before === undefined || after === undefined) return [`${head}  ${paint.faint('(changed)')}`];
  return [head, ...patchLines(before, after, `${indent}    `, paint)];
}

function oneLine({ before, after }: AttributeDiff, paint: Paint): string | undefined {
  if (before === null) return shortForm(after);
  if (after === null) return shortForm(before);
  if (Array.isArray(before) && Array.isArray(after)) {
    const items = listChange(before, after, paint);
    if (items.length > 0) return items.join('  ');
  }
  const [old, next] = [shortForm(before), shortForm(after)];
  // Two long texts, as queries of one line are, stand below each other.
  if (typeof before === 'string' && typeof after === 'string' && before.length + after.length > SIDE_BY_SIDE)
    return undefined;
  return old === undefined || next === undefined ? undefined : `${old} ${paint.faint('→')} ${next}`;
}

/** One that has parts to tell one below the other. */
function isCompoundChange({ before, after }: AttributeDiff): boolean {
  const isText = (value: JsonValue): boolean => value === null || typeof value !== 'object';
  return !(isText(before) && isText(after)) || (before !== null && after !== null);
}

/** What came into a list and what went; nothing where only its order changed. */
function listChange(before: readonly JsonValue[], after: readonly JsonValue[], paint: Paint): readonly string[] {
  const [old, next] = [new Set(before.map(canonicalJson)), new Set(after.map(canonicalJson))];
  const came = after
    .filter((item) => !old.has(canonicalJson(item)))
    .map((item) => `${paint.create('+')} ${inlineValue(item)}`);
  const went = before
    .filter((item) => !next.has(canonicalJson(item)))
    .map((item) => `${paint.remove('-')} ${inlineValue(item)}`);
  return [...went, ...came];
}

function manyLines({ before, after }: AttributeDiff, indent: string, paint: Paint, lineWidth: number): string[] {
  if (Array.isArray(before) && Array.isArray(after)) {
    const items = listChange(before, after, paint);
    if (items.length > 0) return items.map((item) => `${indent}${item}`);
  }
  if (typeof before === 'string' && typeof after === 'string') return textDifference(before, after, indent, paint);
  const marked = (value: JsonValue, mark: string): string[] =>
    value === null
      ? []
      : blockLines(value, '', lineWidth - indent.length - 2).map((line) => `${indent}${mark} ${line}`);
  return [...marked(before, paint.remove('-')), ...marked(after, paint.create('+'))];
}

function textDifference(before: string, after: string, indent: string, paint: Paint): string[] {
  const normal = (text: string): string => `${textLines(text).join('\n')}\n`;
  return patchLines(normal(before), normal(after), indent, paint);
}

function patchLines(before: string, after: string, indent: string, paint: Paint): string[] {
  const patch = structuredPatch('', '', before, after, '', '', { context: 2 });
  // Texts of specs that differ in their margin only have no lines to show.
  if (patch.hunks.length === 0) return [`${indent}${paint.faint('(white space only)')}`];
  return patch.hunks.flatMap((hunk, index) => [
    ...(index === 0 ? [] : [`${indent}${paint.faint('…')}`]),
    ...hunk.lines
      .filter((line) => !line.startsWith('\\'))
      .map((line) => {
        const [mark, rest] = [line.slice(0, 1), line.slice(1)];
        if (mark === '+') return `${indent}${paint.create(`+ ${rest}`)}`;
        if (mark === '-') return `${indent}${paint.remove(`- ${rest}`)}`;
        return `${indent}  ${rest}`.trimEnd();
      }),
  ]);
}
