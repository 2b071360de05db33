/** What `apply`, `destroy` and `up` share beside the plan: their flags, the lock that is waited for, and how progress is shown. */
import { integer, string } from '@oclif/core/flags';
import type { ApplyEvent, LockWait } from '../apply/events.ts';
import type { HeldLock } from '../compose/views.ts';
import type { OpenEnvironment } from '../compose.ts';
import { systemClock } from '../lib/clock.ts';
import { MlopsError } from '../lib/error.ts';
import { DURATION_PATTERN, durationMs } from '../lib/units.ts';
import type { BaseCommand, GlobalFlags } from './base-command.ts';
import { startLiveLine } from './live-line.ts';
import { useColor, writeJsonLine } from './report.ts';

export const applyFlags = {
  parallelism: integer({ description: 'Changes made at once.', default: 10, min: 1 }),
  'lock-timeout': string({
    description: 'Wait that long for the lock where another holds it, e.g. 5m. Default: do not wait.',
  }),
};

export interface ApplyFlags extends GlobalFlags {
  readonly parallelism: number;
  readonly 'lock-timeout': string | undefined;
}

/**
 * With `--lock-timeout` the lock is taken, waited for where need be, before the plan is made, and held until `body` has ended:
 * what was shown is then what is applied, whoever else was at work. Without it the apply takes the lock itself.
 */
export async function underLock<T>(
  command: BaseCommand,
  flags: ApplyFlags,
  environment: OpenEnvironment,
  operation: string,
  body: (lock: HeldLock | undefined) => Promise<T>,
): Promise<T> {
  const timeout = flags['lock-timeout'];
  if (timeout === undefined) return body(undefined);
  if (!DURATION_PATTERN.test(timeout)) {
    throw new MlopsError('CL101', {
      detail: `"${timeout}" is no duration.`,
      hint: 'write a number with s, m or h, e.g. --lock-timeout 5m',
    });
  }
  const { awaitLock } = await import('../apply/await-lock.ts');
  const show = await showProgress(command, flags);
  const lock = await awaitLock({
    state: environment.state,
    who: environment.who,
    operation,
    timeoutMs: durationMs(timeout),
    signal: command.interruption.signal,
    onEvent: show.event,
  }).finally(show.end);
  try {
    return await body(lock);
  } finally {
    if (!(await lock.release())) (await showProgress(command, flags)).event({ type: 'lock_left', lockId: lock.id });
  }
}

export interface ProgressView {
  readonly event: (event: ApplyEvent | LockWait) => void;
  readonly end: () => void;
}

/** On a terminal the lines that stay and one that is redrawn, elsewhere lines alone, with `--json` the events themselves. */
export async function showProgress(command: BaseCommand, flags: GlobalFlags): Promise<ProgressView> {
  if (flags.json) return { event: writeJsonLine, end: () => {} };
  const [{ createProgress }, { createStatusLine }] = await Promise.all([
    import('../apply/progress.ts'),
    import('../apply/status-line.ts'),
  ]);
  const terminal = process.stderr.isTTY === true && process.env['TERM'] !== 'dumb';
  const color = useColor(flags.color ? undefined : false, process.stderr);
  const lines = createProgress({ color, milestones: !terminal });
  const status = createStatusLine();
  const nowMs = (): number => systemClock.now().getTime();
  const live = terminal
    ? startLiveLine(process.stderr, (width) => status.text(nowMs(), width), command.paintErrors(flags).dim)
    : undefined;
  command.live = live;
  return {
    event: (event) => {
      status.follow(event, nowMs());
      // The command itself said that it was interrupted.
      const told = event.type === 'interrupting' && event.cause === 'signal';
      const line = told ? undefined : lines(event);
      if (line !== undefined) command.note(line);
    },
    end: () => {
      live?.stop();
      command.live = undefined;
    },
  };
}
