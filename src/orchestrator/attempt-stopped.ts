/** That an attempt is ended from outside, and why. */

/** Why an attempt is ended from outside. lost: its lease; somebody else may have the task. stopped: the worker stops. */
export type StopReason = 'cancelled' | 'timed_out' | 'lost' | 'stopped';

export class AttemptStopped extends Error {
  override readonly name = 'AttemptStopped';
  readonly reason: StopReason;

  constructor(reason: StopReason) {
    super(`the attempt is ended: ${reason}`);
    this.reason = reason;
  }
}
