/**
 * Texts of tasks with expressions in them: `${{ params.day }}`. They are filled when the task runs. What an expression gives is a
 * value, never a piece of code: SQL gets a literal, a shell a quoted word, a url an encoded part (see orchestrator/fill-task.ts).
 */
import { MlopsError } from '../lib/error.ts';
import { compileExpression, type Expression, type ExpressionPlace } from '../lib/expression.ts';

export interface TemplateExpression {
  readonly expression: Expression;
  /** Of the whole, from `${{` to `}}`. */
  readonly start: number;
  readonly end: number;
}

const OPEN = '${{';

export function isTemplate(text: string): boolean {
  return text.includes(OPEN);
}

/** Offsets of each `${{ … }}`; SP114 for one that does not close. */
export function templateSpans(text: string): readonly { readonly start: number; readonly end: number }[] {
  const spans: { start: number; end: number }[] = [];
  for (let at = text.indexOf(OPEN); at >= 0; at = text.indexOf(OPEN, spans.at(-1)?.end)) {
    const end = closing(text, at + OPEN.length);
    if (end === undefined) {
      throw new MlopsError('SP114', {
        detail: `The template at character ${at + 1} has no end.`,
        hint: `write it as ${OPEN} params.name }}`,
        data: { place: { start: at, end: at + OPEN.length } },
      });
    }
    spans.push({ start: at, end });
  }
  return spans;
}

/** Behind the `}}` that ends what begins at `from`: outside of texts and of braces inside. */
function closing(text: string, from: number): number | undefined {
  let depth = 0;
  for (const token of text.slice(from).matchAll(/"(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*'|[{}]/g)) {
    if (token[0] === '{') depth += 1;
    else if (token[0] === '}' && depth > 0) depth -= 1;
    else if (token[0] === '}') return text[from + token.index + 1] === '}' ? from + token.index + 2 : undefined;
  }
  return undefined;
}

/** Throws SP114, with the place in the text, where an expression cannot be used or reads a variable that is not there. */
export function templateExpressions(text: string, variables: readonly string[]): readonly TemplateExpression[] {
  return templateSpans(text).map(({ start, end }) => {
    const from = start + OPEN.length;
    try {
      const expression = compileExpression(text.slice(from, end - 2), variables, { documents: true });
      return { expression, start, end };
    } catch (error) {
      if (!(error instanceof MlopsError)) throw error;
      const place = error.data?.['place'] as ExpressionPlace | undefined;
      throw new MlopsError(error.code, {
        detail: error.detail,
        hint: error.hint,
        data: { place: { start: from + (place?.start ?? 0), end: place === undefined ? end - 2 : from + place.end } },
      });
    }
  });
}

/** SQL with a null of the same length in the place of each template: what can be checked before there are values. */
export function withNulls(sql: string): string {
  return masked(sql, (length) => 'null'.padEnd(length));
}

/** With blanks in their places. */
export function withoutTemplates(text: string): string {
  return masked(text, (length) => ' '.repeat(length));
}

function masked(text: string, by: (length: number) => string): string {
  if (!isTemplate(text)) return text;
  let out = '';
  let from = 0;
  try {
    for (const { start, end } of templateSpans(text)) {
      out += text.slice(from, start) + by(end - start);
      from = end;
    }
  } catch {
    // One that does not end is told by the check of templates.
  }
  return out + text.slice(from);
}
