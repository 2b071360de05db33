/** How a failure is told: people get diagnostics with code frames on standard error, `--json` gets one problem document. */
import { readFileSync } from 'node:fs';
import { isAbsolute, join } from 'node:path';
import pc from 'picocolors';
import { formatDiagnostic } from '../lib/code-frame.ts';
import type { Diagnostic } from '../lib/diagnostics.ts';
import { MlopsError } from '../lib/error.ts';

export interface ReportOptions {
  readonly json: boolean;
  /** Undefined: as the terminal allows. */
  readonly color: boolean | undefined;
  /** Files of diagnostics are relative to it. Default: the working directory. */
  readonly root?: string | undefined;
}

export const EXIT_ERROR = 1;
export const EXIT_CHANGES = 2;
/** A change is graver than `--fail-on` lets through, or a policy speaks against the plan. */
export const EXIT_BLOCKED = 3;
export const EXIT_INTERRUPTED = 130;

/** Writes the error and answers the exit code. */
export function reportFailure(error: unknown, options: ReportOptions): number {
  const exit = (error as { oclif?: { exit?: number } } | null)?.oclif?.exit;
  const code = (error as { code?: unknown } | null)?.code;
  if (code === 'EEXIT') return exit ?? 0;
  if (error instanceof MlopsError) {
    reportMlopsError(error, options);
    return error.code === 'AP106' ? EXIT_INTERRUPTED : EXIT_ERROR;
  }
  const message = error instanceof Error ? error.message : String(error);
  if (exit !== undefined) {
    // oclif's own: unknown command or flag, missing argument.
    if (options.json) writeJson({ error: { code: null, title: 'Usage', detail: message } });
    else process.stderr.write(`${colors(options).red('error')} ${message}\n`);
    return EXIT_ERROR;
  }
  const stack = error instanceof Error ? (error.stack ?? message) : message;
  if (options.json) writeJson({ error: { code: null, title: 'Internal error', detail: message } });
  process.stderr.write(`${colors(options).red('internal error')} ${stack}\n`);
  return EXIT_ERROR;
}

function reportMlopsError(error: MlopsError, options: ReportOptions): void {
  if (options.json) {
    process.stdout.write(problemText(error));
    return;
  }
  const { red, dim, cyan } = colors(options);
  if (error.diagnostics.length > 0) reportDiagnostics(error.diagnostics, { ...options, root: error.root });
  const where = error.address === undefined ? '' : ` ${error.address}`;
  process.stderr.write(`${red('error')} ${error.code} ${error.summary}${where}\n`);
  for (const line of error.detail.split('\n')) process.stderr.write(`  ${line}\n`);
  if (error.hint !== undefined) process.stderr.write(`  ${cyan('hint:')} ${error.hint}\n`);
  if (process.env['MLOPS_DEBUG'] && error.cause instanceof Error)
    process.stderr.write(`${dim(error.cause.stack ?? '')}\n`);
}

/** One JSON document. */
export function problemText({ code, summary: title, detail, hint, address, data, diagnostics }: MlopsError): string {
  return jsonText({
    error: {
      code,
      title,
      detail,
      hint: hint ?? null,
      address: address ?? null,
      ...(data !== undefined && { data }),
      diagnostics,
    },
  });
}

/** Every diagnostic with its code frame, to standard error. */
export function reportDiagnostics(diagnostics: readonly Diagnostic[], options: ReportOptions): void {
  process.stderr.write(formatDiagnostics(diagnostics, options));
}

export function formatDiagnostics(diagnostics: readonly Diagnostic[], options: ReportOptions): string {
  const root = options.root ?? process.cwd();
  const contents = new Map<string, string | undefined>();
  const readFile = (file: string): string | undefined => {
    if (!contents.has(file)) contents.set(file, textOf(isAbsolute(file) ? file : join(root, file)));
    return contents.get(file);
  };
  return diagnostics
    .map(
      (diagnostic) =>
        `${formatDiagnostic(diagnostic, { color: useColor(options.color, process.stderr), readFile })}\n\n`,
    )
    .join('');
}

function textOf(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return undefined;
  }
}

export function writeJson(value: unknown): void {
  process.stdout.write(jsonText(value));
}

function jsonText(value: unknown): string {
  return `${JSON.stringify(value, (_key, member: unknown) => (typeof member === 'bigint' ? bigintJson(member) : member), 2)}\n`;
}

export function writeJsonLine(value: unknown): void {
  process.stdout.write(
    `${JSON.stringify(value, (_key, member: unknown) => (typeof member === 'bigint' ? bigintJson(member) : member))}\n`,
  );
}

const bigintJson = (value: bigint): number | string =>
  Number.isSafeInteger(Number(value)) ? Number(value) : value.toString();

export function useColor(asked: boolean | undefined, stream: NodeJS.WriteStream): boolean {
  if (asked !== undefined) return asked;
  if (process.env['NO_COLOR']) return false;
  if (process.env['FORCE_COLOR']) return true;
  return stream.isTTY === true;
}

/** Columns of a terminal; elsewhere what COLUMNS says, else 120. */
export function widthOf(stream: NodeJS.WriteStream): number {
  const asked = Number(process.env['COLUMNS']);
  if (stream.isTTY === true && stream.columns > 0) return stream.columns;
  return Number.isInteger(asked) && asked > 0 ? asked : 120;
}

const colors = (options: ReportOptions) => pc.createColors(useColor(options.color, process.stderr));
