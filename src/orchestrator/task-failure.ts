/** An attempt's end that is more than an exception: how it ended and with which exit code. */
export class TaskFailure extends Error {
  override readonly name = 'TaskFailure';
  readonly status: 'failed' | 'crashed';
  readonly exitCode: number | null;

  constructor(status: 'failed' | 'crashed', exitCode: number | null, message: string) {
    super(message);
    this.status = status;
    this.exitCode = exitCode;
  }
}
