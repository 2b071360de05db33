/**
 * The codes of findings that a project may set in `rules` and a resource may suppress: what the analyzers of a plan say. What the
 * plan refuses whatever the kind (AP) holds, and so does what the apply refuses by itself: a rule could only move the error there.
 */
import { CODES, type DiagnosticCode } from './codes.ts';

const ANALYZED = /^(FS|PL|MD|EP)1\d\d$/;

/** The apply refuses it, because a run may have started since the plan. */
const FIXED: ReadonlySet<DiagnosticCode> = new Set<DiagnosticCode>(['PL101']);

export const CONFIGURABLE_CODES: ReadonlySet<DiagnosticCode> = new Set(
  (Object.keys(CODES) as DiagnosticCode[]).filter((code) => ANALYZED.test(code) && !FIXED.has(code)),
);

/** Why a code that is written in `rules` or `suppress` cannot be configured; undefined where it can, or where there is no such code. */
export function whyFixed(code: string): string | undefined {
  if (!Object.hasOwn(CODES, code) || CONFIGURABLE_CODES.has(code as DiagnosticCode)) return undefined;
  if (FIXED.has(code as DiagnosticCode)) return `the apply refuses it by itself`;
  return code.startsWith('AP') ? 'what it protects is not lifted by a rule' : 'no analyzer of a plan says it';
}
