/** What an API server answered instead of what it was asked for, or that it did not answer. */

export class ClusterError extends Error {
  override readonly name = 'ClusterError';
  /** HTTP status; null where there was no answer. */
  readonly status: number | null;
  /** `AlreadyExists`, `NotFound`, `Forbidden` …, as the API server says. */
  readonly reason: string;
  /** When the server wants to be asked again. */
  readonly retryAfterMs: number | undefined;

  constructor(fields: {
    readonly status: number | null;
    readonly reason: string;
    readonly message: string;
    readonly retryAfterMs?: number | undefined;
    readonly cause?: unknown;
  }) {
    super(fields.message, { cause: fields.cause });
    this.status = fields.status;
    this.reason = fields.reason;
    this.retryAfterMs = fields.retryAfterMs;
  }
}

export function hasStatus(error: unknown, status: number): boolean {
  return error instanceof ClusterError && error.status === status;
}

/** Whether asking again can help: no answer, too many requests, a fault of the server. */
export function isTransient(error: unknown): error is ClusterError {
  return error instanceof ClusterError && (error.status === null || error.status === 429 || error.status >= 500);
}
