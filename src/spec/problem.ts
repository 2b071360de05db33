/** A finding about one resource, before it has a place: pointers become places where the file is known. */
import { CODES, type DiagnosticCode } from '../lib/codes.ts';
import type { Diagnostic, Severity } from '../lib/diagnostics.ts';
import type { Locator } from './locator.ts';

export interface Problem {
  readonly code: DiagnosticCode;
  readonly detail: string;
  /** JSON pointer into the canonical form. */
  readonly pointer: string;
  /** Mark the field's name instead of its value. */
  readonly part?: 'key' | 'value' | undefined;
  /** Characters of the text at the pointer. */
  readonly span?: { readonly start: number; readonly end: number } | undefined;
  readonly hint?: string | undefined;
  readonly severity?: Severity | undefined;
}

export interface ProblemPlace {
  readonly locator: Locator;
  readonly address?: string | undefined;
  /** The text at a pointer as the user wrote it. */
  readonly written?: ((pointer: string) => string) | undefined;
}

export function toDiagnostic(problem: Problem, { locator, address, written }: ProblemPlace): Diagnostic {
  const { code, detail, pointer, part, span, hint, severity = 'error' } = problem;
  const at =
    span === undefined
      ? locator.at(pointer, part)
      : locator.text(pointer, written?.(pointer) ?? '', span.start, span.end);
  return { code, severity, summary: CODES[code], detail, at, address, hint, pointer };
}
