/** An attempt's end that is more than an exception: how it ended, with which exit code, and what that says about trying again. */
export interface Outlook {
  /** Trying again cannot mend it. */
  readonly final?: boolean;
  /** A service is busy: it is tried again also where the task does not say so, not before this time is over. */
  readonly busy?: { readonly afterMs: number };
}

export class TaskFailure extends Error {
  override readonly name = 'TaskFailure';
  readonly status: 'failed' | 'crashed' | 'timed_out';
  readonly exitCode: number | null;
  readonly outlook: Outlook;

  constructor(
    status: 'failed' | 'crashed' | 'timed_out',
    exitCode: number | null,
    message: string,
    outlook: Outlook = {},
  ) {
    super(message);
    this.status = status;
    this.exitCode = exitCode;
    this.outlook = outlook;
  }
}
