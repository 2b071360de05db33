import { integer, string } from '@oclif/core/flags';
import { MlopsError } from '../../../lib/error.ts';
import { BaseCommand } from '../../base-command.ts';
import { settingsOf } from '../../session.ts';

export default class Daemon extends BaseCommand {
  static override summary = 'Run schedules, tasks and the HTTP interface in the foreground.';
  static override flags = {
    role: string({ description: 'Which of scheduler, worker and api, with commas. Default: all.' }),
    port: integer({ description: 'Only this port; 0: any free one.', min: 0, max: 65535 }),
  };
  protected override interruptionFails = false;

  async run(): Promise<void> {
    const { flags } = await this.parse(Daemon);
    const [{ ROLES }, { serveUntilStopped }] = await Promise.all([
      import('../../../daemon/presence.ts'),
      import('../../daemon-session.ts'),
    ]);
    const asked = flags.role === undefined ? [...ROLES] : flags.role.split(',').map((word) => word.trim());
    const unknown = asked.find((word) => !ROLES.some((role) => role === word));
    if (unknown !== undefined)
      throw new MlopsError('CL101', { detail: `"${unknown}" is no role.`, hint: `roles: ${ROLES.join(', ')}` });
    const roles = ROLES.filter((role) => asked.includes(role));
    await serveUntilStopped(this, await settingsOf(flags), { roles, port: flags.port, json: flags.json });
  }
}
