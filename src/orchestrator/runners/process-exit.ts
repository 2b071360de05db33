/** How a program ended, and what that means for its attempt. */
import type { ChildProcess } from 'node:child_process';
import { MlopsError } from '../../lib/error.ts';
import { TaskFailure } from '../task-failure.ts';

export interface Exit {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
}

export function exitOf(child: ChildProcess): Promise<Exit> {
  const exit = new Promise<Exit>((resolve, reject) => {
    child.once('error', (cause) =>
      reject(new MlopsError('PL203', { detail: `The program cannot be started: ${cause.message}.`, cause })),
    );
    child.once('exit', (code, signal) => resolve({ code, signal }));
  });
  // Awaited later; until then a failure to start is not unhandled.
  exit.catch(() => {});
  return exit;
}

const SIGNAL_NUMBERS: Readonly<Record<string, number>> = {
  SIGHUP: 1,
  SIGINT: 2,
  SIGQUIT: 3,
  SIGILL: 4,
  SIGTRAP: 5,
  SIGABRT: 6,
  SIGBUS: 7,
  SIGFPE: 8,
  SIGKILL: 9,
  SIGUSR1: 10,
  SIGSEGV: 11,
  SIGUSR2: 12,
  SIGPIPE: 13,
  SIGALRM: 14,
  SIGTERM: 15,
};

/** A kill that was not ours is a crash: the machine ran out of memory or somebody evicted it. 137 is how a shell says so. */
export function judge({ code, signal }: Exit): void {
  if (code === 0) return;
  const exitCode = code ?? 128 + (SIGNAL_NUMBERS[signal ?? ''] ?? 0);
  if (exitCode === 137)
    throw new TaskFailure('crashed', exitCode, 'the program was killed (SIGKILL): out of memory, or by hand');
  throw new TaskFailure(
    'failed',
    exitCode,
    signal === null ? `the program ended with exit code ${exitCode}` : `the program ended by ${signal}`,
  );
}
