/** How attempts end: what is recorded of a failure, of a stop from outside, and of what an operator answers. */
import { MlopsError } from '../lib/error.ts';
import type { JsonObject, JsonValue } from '../lib/json.ts';
import type { Redact } from '../lib/redact.ts';
import type { AttemptStatus } from '../stores/control/run-states.ts';
import type { StopReason } from './attempt-stopped.ts';
import { type Outlook, TaskFailure } from './task-failure.ts';

export interface AttemptOutcome {
  readonly status: AttemptStatus;
  readonly exitCode: number | null;
  readonly error: string | null;
  readonly outputs: JsonObject | null;
  /** Trying again cannot mend it. */
  readonly final: boolean;
  readonly busy?: Outlook['busy'];
  readonly data: JsonObject;
}

/** Failures that trying again cannot mend. */
const FINAL_CODES: ReadonlySet<string> = new Set([
  'MD202',
  'PL206',
  'SP110',
  'PL220',
  'PL221',
  'PL225',
  'SP114',
  'PL230',
  'PL233',
]);

/** Of an attempt whose lease was lost there is nothing to record. */
export function stoppedEnd(reason: Exclude<StopReason, 'lost'>, timeLimit: number | undefined): AttemptOutcome {
  const end = { exitCode: null, outputs: null, final: false, data: {} };
  switch (reason) {
    case 'cancelled':
      return { ...end, status: 'cancelled' as const, error: 'cancelled' };
    case 'timed_out':
      return { ...end, status: 'timed_out' as const, error: `not done within ${seconds(timeLimit ?? 0)} s` };
    case 'stopped':
      return { ...end, status: 'crashed' as const, error: 'its worker was stopped; the task goes back to the queue' };
  }
}

function seconds(milliseconds: number): number {
  return Math.round(milliseconds) / 1000;
}

export function failedEnd(error: unknown, redact: Redact): AttemptOutcome {
  const message = clean(redact(error instanceof Error ? error.message : String(error)));
  const end = { error: message === '' ? 'it failed without a message' : message, outputs: null };
  if (error instanceof TaskFailure)
    return {
      ...end,
      status: error.status,
      exitCode: error.exitCode,
      final: error.outlook.final ?? false,
      busy: error.outlook.busy,
      data: {},
    };
  if (error instanceof MlopsError) {
    // The control store was away: our fault, not the task's.
    const status = error.code === 'ST101' ? ('crashed' as const) : ('failed' as const);
    const data: JsonObject = {
      code: error.code,
      ...(error.hint === undefined ? {} : { hint: clean(redact(error.hint)) }),
    };
    return { ...end, status, exitCode: null, final: FINAL_CODES.has(error.code), data };
  }
  return { ...end, status: 'failed' as const, exitCode: null, final: false, data: {} };
}

/** What Postgres cannot hold in a text: NUL and halves of surrogate pairs. */
function clean(text: string): string {
  return text.replaceAll('\u0000', '\uFFFD').replace(/\p{Surrogate}/gu, '\uFFFD');
}

/** What an operator answers, fit to be stored. */
export function cleaned(outputs: JsonObject, redact: Redact): JsonObject {
  if (isEmpty(outputs)) return outputs;
  const visit = (value: JsonValue | undefined): JsonValue => {
    if (value === undefined) return null;
    if (typeof value === 'string') return clean(redact(value));
    if (typeof value !== 'object' || value === null) return value;
    if (Array.isArray(value)) return value.map(visit);
    return visitObject(value as JsonObject);
  };
  const visitObject = (object: JsonObject): JsonObject =>
    Object.fromEntries(Object.entries(object).map(([key, value]) => [clean(redact(key)), visit(value)]));
  return visitObject(outputs);
}

function isEmpty(object: JsonObject): boolean {
  for (const _ in object) return false;
  return !Array.isArray(object);
}
