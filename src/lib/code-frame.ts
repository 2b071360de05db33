/** A diagnostic as people read it: where and what, why, the lines around the place with the place underlined, what to do. */
import pc from 'picocolors';
import type { Diagnostic, Severity } from './diagnostics.ts';
import type { SourceRange } from './source-range.ts';

export interface FormatOptions {
  readonly color: boolean;
  /** The text of a file as diagnostics name it, or undefined where it cannot be read; then there is no frame. */
  readonly readFile: (file: string) => string | undefined;
}

const CONTEXT_LINES = 2;
const MAX_WIDTH = 160;

/** `file:line:col error CODE summary`, then indented: detail, code frame, hint. No newline at the end. */
export function formatDiagnostic(diagnostic: Diagnostic, options: FormatOptions): string {
  const colors = pc.createColors(options.color);
  const paint: Readonly<Record<Severity, (text: string) => string>> = {
    error: colors.red,
    warning: colors.yellow,
    info: colors.blue,
  };
  const { at, severity } = diagnostic;
  const place = at === undefined ? '' : `${colors.bold(`${at.file}:${at.start.line}:${at.start.column}`)} `;
  const parts = [`${place}${paint[severity](severity)} ${diagnostic.code} ${colors.bold(diagnostic.summary)}`];
  parts.push(
    indent(
      diagnostic.address === undefined || diagnostic.detail.includes(diagnostic.address)
        ? diagnostic.detail
        : `${diagnostic.address}: ${diagnostic.detail}`,
    ),
  );
  const text = at === undefined ? undefined : options.readFile(at.file);
  if (at !== undefined && text !== undefined)
    parts.push('', indent(codeFrame(text, at, colors.dim, paint[severity])), '');
  if (diagnostic.hint !== undefined) parts.push(indent(colors.cyan(diagnostic.hint)));
  while (parts.at(-1) === '') parts.pop();
  return parts.join('\n');
}

/** Two lines before and after, `>` at the lines of the place, `^` under it. */
function codeFrame(
  text: string,
  at: SourceRange,
  dim: (text: string) => string,
  mark: (text: string) => string,
): string {
  const lines = text.split(/\r?\n/);
  // A place of many lines is marked at its first.
  const line = Math.min(at.start.line, lines.length);
  const first = Math.max(1, line - CONTEXT_LINES);
  const last = Math.min(lines.length, line + CONTEXT_LINES);
  const width = String(last).length;
  const out: string[] = [];
  for (let number = first; number <= last; number++) {
    const code = lines[number - 1] ?? '';
    // A very long line shows the part around the place.
    const cut =
      code.length > MAX_WIDTH ? Math.max(0, Math.min(at.start.column - 1 - MAX_WIDTH / 2, code.length - MAX_WIDTH)) : 0;
    const shown = code.slice(cut, cut + MAX_WIDTH).replaceAll('\t', ' ');
    const gutter = `${number === line ? '>' : ' '} ${String(number).padStart(width)} |`;
    out.push(`${number === line ? mark(gutter) : dim(gutter)} ${shown}`.trimEnd());
    if (number === line) {
      const from = Math.max(0, at.start.column - 1 - cut);
      const to = at.end.line === at.start.line ? at.end.column - 1 - cut : shown.trimEnd().length;
      const carets = '^'.repeat(Math.max(1, Math.min(to, shown.length) - from));
      out.push(`${dim(`  ${' '.repeat(width)} |`)} ${' '.repeat(from)}${mark(carets)}`);
    }
  }
  return out.join('\n');
}

function indent(text: string): string {
  return text
    .split('\n')
    .map((line) => (line === '' ? '' : `  ${line}`))
    .join('\n');
}
