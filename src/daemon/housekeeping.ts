/** What a daemon does now and then beside its loops: snapshots of sources that nothing needs are deleted, with the first look at once. */
import type { OpenEnvironment } from '../compose.ts';
import { sizeInWords } from '../lib/units.ts';
import type { DaemonLog } from './log.ts';

export interface Housekeeping {
  /** What is under way ends at the next snapshot. */
  stop(): Promise<void>;
}

const EVERY_MS = 60 * 60 * 1000;

/** What fails is told, and tried again the next time. */
export function startHousekeeping(
  environment: Pick<OpenEnvironment, 'features'>,
  log: DaemonLog,
  everyMs = EVERY_MS,
): Housekeeping {
  const stopped = new AbortController();
  const call = { signal: stopped.signal, log: (line: string) => log.info(line) };
  let working: Promise<void> | undefined;

  async function sweep(): Promise<void> {
    try {
      const swept = await (await environment.features()).sweepSnapshots({}, call);
      if (swept.length === 0) return;
      const bytes = swept.reduce((sum, one) => sum + one.bytes, 0);
      log.info(`deleted ${swept.length} snapshots of sources that nothing needed any more`, {
        size: sizeInWords(bytes),
      });
    } catch (error) {
      if (!stopped.signal.aborted)
        log.warn('deleting snapshots', { reason: error instanceof Error ? error.message : String(error) });
    }
  }

  const next = (): void => {
    working ??= sweep().finally(() => {
      working = undefined;
    });
  };
  next();
  const timer = setInterval(next, everyMs);
  timer.unref();
  return {
    stop: async () => {
      clearInterval(timer);
      stopped.abort();
      await working;
    },
  };
}
