/**
 * An error that a user meets. It carries fields, so that nobody matches messages: the command line prints it as a
 * diagnostic, the HTTP interface as application/problem+json. Never put a secret in any field.
 */
import { CODES, type DiagnosticCode } from './codes.ts';
import type { Diagnostic } from './diagnostics.ts';

export interface MlopsErrorFields {
  /** What is wrong, with names; full sentences. */
  readonly detail: string;
  readonly hint?: string | undefined;
  readonly address?: string | undefined;
  /** Whether the same call may succeed later without a change by the user. Default false. */
  readonly retryable?: boolean;
  /** HTTP status. Default by code, see api/problem. */
  readonly status?: number | undefined;
  readonly diagnostics?: readonly Diagnostic[];
  /** Absolute path of the folder that their files are relative to. Default: the working directory. */
  readonly root?: string | undefined;
  /** Machine-readable extras, e.g. the failed gates. */
  readonly data?: Readonly<Record<string, unknown>> | undefined;
  readonly cause?: unknown;
}

export class MlopsError extends Error {
  override readonly name = 'MlopsError';
  readonly code: DiagnosticCode;
  readonly summary: string;
  readonly detail: string;
  readonly hint: string | undefined;
  readonly address: string | undefined;
  readonly retryable: boolean;
  readonly status: number | undefined;
  readonly diagnostics: readonly Diagnostic[];
  readonly root: string | undefined;
  readonly data: Readonly<Record<string, unknown>> | undefined;

  constructor(code: DiagnosticCode, fields: MlopsErrorFields) {
    super(`${code} ${CODES[code]}: ${fields.detail}`, { cause: fields.cause });
    this.code = code;
    this.summary = CODES[code];
    this.detail = fields.detail;
    this.hint = fields.hint;
    this.address = fields.address;
    this.retryable = fields.retryable ?? false;
    this.status = fields.status;
    this.diagnostics = fields.diagnostics ?? [];
    this.root = fields.root;
    this.data = fields.data;
  }
}
