/**
 * What a user can get wrong is a Diagnostic: collected, and shown together with all the others.
 * `summary` is terse and constant for a code; `detail` says, with names, what is wrong, why that is a problem and what to do.
 */
import type { DiagnosticCode } from './codes.ts';
import type { SourceRange } from './source-range.ts';

export type Severity = 'error' | 'warning' | 'info';

export interface Diagnostic {
  readonly code: DiagnosticCode;
  readonly severity: Severity;
  readonly summary: string;
  readonly detail: string;
  readonly at?: SourceRange | undefined;
  /** `kind.name` of the resource it is about. */
  readonly address?: string | undefined;
  /** JSON pointer into the spec of the resource, e.g. `/features/bili/dtype`. */
  readonly pointer?: string | undefined;
  /** One thing to do, or `did you mean "x"?`. */
  readonly hint?: string | undefined;
}

export function hasErrors(diagnostics: readonly Diagnostic[]): boolean {
  return diagnostics.some((diagnostic) => diagnostic.severity === 'error');
}

/** By file, line, column, then code: the order in which people work through them. */
export function sortDiagnostics(diagnostics: readonly Diagnostic[]): Diagnostic[] {
  return [...diagnostics].sort(
    (a, b) =>
      byCodeUnit(a.at?.file ?? '', b.at?.file ?? '') ||
      (a.at?.start.line ?? 0) - (b.at?.start.line ?? 0) ||
      (a.at?.start.column ?? 0) - (b.at?.start.column ?? 0) ||
      byCodeUnit(a.code, b.code),
  );
}

/** The same order on every machine, whatever its language. */
const byCodeUnit = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0);
