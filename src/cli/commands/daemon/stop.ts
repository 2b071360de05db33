import { setTimeout as delay } from 'node:timers/promises';
import { integer } from '@oclif/core/flags';
import { MlopsError } from '../../../lib/error.ts';
import { BaseCommand } from '../../base-command.ts';
import { settingsOf } from '../../session.ts';

export default class DaemonStop extends BaseCommand {
  static override summary = 'Stop the daemon of an environment: no new task starts, requests in hand are finished.';
  static override flags = { timeout: integer({ description: 'Seconds to wait for its end.', default: 60, min: 1 }) };

  async run(): Promise<void> {
    const { flags } = await this.parse(DaemonStop);
    const { isAlive, liveDaemons } = await import('../../../daemon/presence.ts');
    const settings = await settingsOf(flags);
    const found = liveDaemons(settings.root, settings.environment);
    for (const { pid } of found) process.kill(pid, 'SIGTERM');
    const until = Date.now() + flags.timeout * 1000;
    while (found.some(isAlive)) {
      if (Date.now() > until || this.interruption.signal.aborted) {
        throw new MlopsError('DM102', { detail: `The daemon (process ${found.find(isAlive)?.pid}) has not ended.` });
      }
      await delay(50);
    }
    this.result(flags, { stopped: found.map(({ pid }) => pid) }, () =>
      found.length === 0
        ? `No daemon runs for ${settings.environment}.`
        : `Stopped ${found.map(({ pid }) => pid).join(', ')}.`,
    );
  }
}
