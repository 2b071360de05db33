import { BaseCommand } from '../../base-command.ts';
import { instant, table } from '../../output.ts';
import { settingsOf } from '../../session.ts';

export default class DaemonStatus extends BaseCommand {
  static override summary = 'The daemons of this project that run on this machine.';
  static override flags = {};

  async run(): Promise<void> {
    const { flags } = await this.parse(DaemonStatus);
    const { liveDaemons } = await import('../../../daemon/presence.ts');
    const settings = await settingsOf(flags);
    const found = liveDaemons(settings.root, flags.env);
    this.result(flags, { daemons: found }, () =>
      found.length === 0
        ? 'No daemon runs. Start one with: mlops daemon'
        : table(
            ['PID', 'ENVIRONMENT', 'ROLES', 'STATE', 'SINCE (UTC)', 'ADDRESS'],
            found.map(({ pid, environment, roles, ready, started_at, host, ports }) => [
              String(pid),
              environment,
              roles.join(','),
              ready ? 'ready' : 'starting',
              instant(started_at),
              ports.map((port) => `http://${host}:${port}`).join(' ') || '-',
            ]),
          ),
    );
    if (found.length === 0) process.exitCode = 1;
  }
}
