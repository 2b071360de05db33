/** A daemon moves what it finds logged to the offline store, once a minute; where nothing is due that is one look. */
import type { OpenEnvironment } from '../compose.ts';
import type { DaemonLog } from './log.ts';

const EVERY_MS = 60_000;

/** What fails is told, and tried again the next time. `stop` waits for what is under way, which ends at the next table. */
export function startMovingPredictions(
  environment: Pick<OpenEnvironment, 'movePredictions'>,
  log: DaemonLog,
  everyMs = EVERY_MS,
): { stop(): Promise<void> } {
  const stopped = new AbortController();
  let working: Promise<void> | undefined;

  async function round(): Promise<void> {
    try {
      const { moved, tables, pruned } = await environment.movePredictions(stopped.signal);
      if (moved > 0) log.info(`moved ${moved} predictions to the offline store`, { tables });
      if (pruned > 0) log.info(`deleted ${pruned} predictions from the control store: the offline store keeps them`);
    } catch (error) {
      if (!stopped.signal.aborted)
        log.warn('moving predictions', { reason: error instanceof Error ? error.message : String(error) });
    }
  }

  const timer = setInterval(() => {
    working ??= round().finally(() => {
      working = undefined;
    });
  }, everyMs);
  timer.unref();
  return {
    stop: async () => {
      clearInterval(timer);
      stopped.abort();
      await working;
    },
  };
}
