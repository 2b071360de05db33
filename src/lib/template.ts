/** Texts with expressions in braces: `{change.address} loses {change.impact.rows} rows`. `{{` and `}}` are braces themselves. */
import { MlopsError } from './error.ts';
import { compileExpression, type Expression, type ExpressionOptions, type ExpressionPlace } from './expression.ts';

export interface Template {
  readonly text: string;
  /** With where each starts in the text. */
  readonly expressions: readonly { readonly expression: Expression; readonly start: number }[];
  /** A value that is not known stands as `unknown`. Throws SP114 where the values do not fit an expression. */
  readonly evaluate: (values: Readonly<Record<string, unknown>>) => string;
}

/** Throws SP114 with a place in the text, as {@link compileExpression} does. */
export function compileTemplate(text: string, variables: readonly string[], options: ExpressionOptions = {}): Template {
  const parts: (string | Expression)[] = [];
  const expressions: { expression: Expression; start: number }[] = [];
  let at = 0;
  while (at < text.length) {
    const open = /\{\{|\}\}|\{|\}/g;
    open.lastIndex = at;
    const found = open.exec(text);
    if (found === null) break;
    parts.push(text.slice(at, found.index));
    if (found[0].length === 2) {
      parts.push(found[0].slice(1));
      at = found.index + 2;
      continue;
    }
    const start = found.index + 1;
    const end = found[0] === '{' ? closing(text, start) : undefined;
    if (end === undefined) {
      throw new MlopsError('SP114', {
        detail: `The brace at character ${found.index + 1} of ${JSON.stringify(text)} has no counterpart.`,
        hint: 'write {{ or }} for a brace that is text',
        data: { place: { start: found.index, end: found.index + 1 } },
      });
    }
    const expression = compileAt(text.slice(start, end), start, variables, options);
    parts.push(expression);
    expressions.push({ expression, start });
    at = end + 1;
  }
  parts.push(text.slice(at));
  return {
    text,
    expressions,
    evaluate: (values) =>
      parts.map((part) => (typeof part === 'string' ? part : textOf(part.evaluate(values)))).join(''),
  };
}

/** Where the brace closes that opened before `from`: outside of texts and of braces inside. */
function closing(text: string, from: number): number | undefined {
  let depth = 1;
  for (const token of text.slice(from).matchAll(/"(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*'|[{}]/g)) {
    if (token[0] === '{') depth += 1;
    else if (token[0] === '}') depth -= 1;
    if (depth === 0) return from + token.index;
  }
  return undefined;
}

function compileAt(
  expression: string,
  start: number,
  variables: readonly string[],
  options: ExpressionOptions,
): Expression {
  try {
    return compileExpression(expression, variables, options);
  } catch (error) {
    if (!(error instanceof MlopsError)) throw error;
    const place = error.data?.['place'] as ExpressionPlace | undefined;
    throw new MlopsError(error.code, {
      detail: error.detail,
      hint: error.hint,
      data: { place: { start: start + (place?.start ?? 0), end: start + (place?.end ?? expression.length) } },
    });
  }
}

function textOf(value: unknown): string {
  if (value === null || value === undefined) return 'unknown';
  if (Array.isArray(value)) return value.map(textOf).join(', ');
  return typeof value === 'object' ? JSON.stringify(value) : String(value);
}
