/**
 * An attempt that this worker holds, from its claim to its end. Thousands may begin in one turn of the event loop and end in the next: what few
 * of them need (a signal, a log, the telling of progress) comes to be when it is asked for.
 */
import type { AdoptedLease } from '../stores/control/external-work.ts';
import type { Lease } from '../stores/control/runs.ts';
import { AttemptStopped, type StopReason } from './attempt-stopped.ts';
import type { TaskLog } from './task-log.ts';
import type { ProgressTeller } from './task-progress.ts';

export interface HeldAttemptParts {
  readonly openLog: (attempt: HeldAttempt) => TaskLog;
  readonly openProgress: (attempt: HeldAttempt) => ProgressTeller;
}

export class HeldAttempt {
  readonly lease: Lease | AdoptedLease;
  /** The worker that claimed it. */
  readonly workerId: string;
  /** Its program runs outside: it takes no room here, and goes on when this worker stops. */
  outside: boolean;
  /** Resolves once it is over for this worker. Never rejects. */
  done: Promise<void> = Promise.resolve();
  readonly #parts: HeldAttemptParts;
  #stopped: AttemptStopped | undefined;
  #controller: AbortController | undefined;
  #onStop: (() => void) | undefined;
  #log: TaskLog | undefined;
  #progress: ProgressTeller | undefined;

  constructor(lease: Lease | AdoptedLease, workerId: string, parts: HeldAttemptParts) {
    this.lease = lease;
    this.workerId = workerId;
    this.outside = 'job' in lease;
    this.#parts = parts;
  }

  /** Why it is to end; undefined: nobody said so. */
  get stopped(): AttemptStopped | undefined {
    return this.#stopped;
  }

  get isLost(): boolean {
    return this.#stopped?.reason === 'lost';
  }

  /** The first reason stands. */
  stop(reason: StopReason): void {
    if (this.#stopped !== undefined) return;
    this.#stopped = new AttemptStopped(reason);
    this.#controller?.abort(this.#stopped);
    this.#onStop?.();
  }

  /** Aborted with the reason. */
  get signal(): AbortSignal {
    if (this.#controller === undefined) {
      this.#controller = new AbortController();
      if (this.#stopped !== undefined) this.#controller.abort(this.#stopped);
    }
    return this.#controller.signal;
  }

  /** Called once it is to end, at once where that is so already. One listener at a time; undefined: none any more. */
  onStop(listener: (() => void) | undefined): void {
    this.#onStop = listener;
    if (this.#stopped !== undefined) listener?.();
  }

  get log(): TaskLog {
    this.#log ??= this.#parts.openLog(this);
    return this.#log;
  }

  get progress(): ProgressTeller {
    this.#progress ??= this.#parts.openProgress(this);
    return this.#progress;
  }

  /** Its log and its progress are written. Undefined: there was nothing to write. */
  settled(): Promise<void> | undefined {
    return this.#log === undefined && this.#progress === undefined ? undefined : this.#settle();
  }

  async #settle(): Promise<void> {
    await this.#progress?.settled();
    await this.#log?.close();
  }
}
