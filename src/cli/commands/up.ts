import { boolean, integer } from '@oclif/core/flags';
import { applyFlags, underLock } from '../applying.ts';
import { BaseCommand } from '../base-command.ts';
import { applyWithConsent, planFor, restoreLostCode } from '../planning.ts';
import { desiredOf, within } from '../session.ts';

export default class Up extends BaseCommand {
  static override summary = 'Apply, then run the daemon: the development loop.';
  static override flags = {
    yes: boolean({ char: 'y', description: 'Do not ask.' }),
    ...applyFlags,
    port: integer({ description: 'Only this port; 0: any free one.', min: 0, max: 65535 }),
  };

  async run(): Promise<void> {
    const { flags } = await this.parse(Up);
    const { settings, project } = await desiredOf(flags);
    const exitCode = await within(this, settings, (environment) =>
      underLock(this, flags, environment, 'apply', async (lock) => {
        const plan = await planFor(environment, project, { mode: 'apply' });
        const code = await applyWithConsent(this, flags, environment, plan, project.bundleFiles, { lock });
        if (code === 0) await restoreLostCode(this, environment, project);
        return code;
      }),
    );
    if (exitCode !== 0) {
      process.exitCode = exitCode;
      return;
    }
    this.interruptionFails = false;
    const [{ ROLES }, { serveUntilStopped }] = await Promise.all([
      import('../../daemon/presence.ts'),
      import('../daemon-session.ts'),
    ]);
    await serveUntilStopped(this, settings, { roles: ROLES, port: flags.port, json: flags.json });
  }
}
