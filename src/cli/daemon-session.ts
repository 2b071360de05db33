/** Runs the daemon in the foreground until it is told to stop. */
import type { Settings } from '../compose/settings.ts';
import { createDaemonLog } from '../daemon/log.ts';
import type { Role } from '../daemon/presence.ts';
import { runDaemon } from '../daemon/run-daemon.ts';
import { systemClock } from '../lib/clock.ts';
import type { BaseCommand } from './base-command.ts';

/** Resolves when it has stopped. */
export async function serveUntilStopped(
  command: BaseCommand,
  settings: Settings,
  options: { readonly roles: readonly Role[]; readonly port: number | undefined; readonly json: boolean },
): Promise<void> {
  const { signal } = command.interruption;
  const log = createDaemonLog({
    json: options.json,
    write: (text) => process.stderr.write(text),
    now: systemClock.now,
  });
  const daemon = await runDaemon({
    settings,
    roles: options.roles,
    port: options.port,
    log,
    now: systemClock.now,
    signal,
  });
  if (!signal.aborted)
    await new Promise<void>((resolve) => signal.addEventListener('abort', () => resolve(), { once: true }));
  await daemon.stop();
}
