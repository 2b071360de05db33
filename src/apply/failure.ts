/** A step that failed, in words that may be recorded and shown: no secret in them. */
import type { DiagnosticCode } from '../lib/codes.ts';
import { MlopsError } from '../lib/error.ts';
import type { Redact } from '../lib/redact.ts';
import type { Address } from '../spec/address.ts';

export interface StepFailure {
  readonly address: Address;
  readonly code: DiagnosticCode | null;
  readonly message: string;
  readonly hint: string | null;
}

/** The effect of a step failed, and that is recorded. Anything else that a visit throws ends the apply. */
export class StepError extends Error {
  override readonly name = 'StepError';
  readonly failure: StepFailure;
  constructor(failure: StepFailure, cause: unknown) {
    super(failure.message, { cause });
    this.failure = failure;
  }
}

export function describeFailure(address: Address, error: unknown, redact: Redact): StepFailure {
  if (error instanceof MlopsError) {
    return { address, code: error.code, message: redact(withoutCredentials(error.detail)), hint: error.hint ?? null };
  }
  const message = error instanceof Error ? error.message : String(error);
  return { address, code: null, message: redact(withoutCredentials(message)), hint: null };
}

/** Drivers put connection strings into messages: `postgres://user:password@host`. */
function withoutCredentials(message: string): string {
  return message.replaceAll(/([a-z][a-z0-9+.-]*:\/\/)[^\s/@]+@/gi, '$1***@');
}
