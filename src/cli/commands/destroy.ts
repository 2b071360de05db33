import { boolean, string } from '@oclif/core/flags';
import { applyFlags, underLock } from '../applying.ts';
import { BaseCommand } from '../base-command.ts';
import { applyWithConsent, planFor } from '../planning.ts';
import { desiredOf, within } from '../session.ts';

export default class Destroy extends BaseCommand {
  static override summary = 'Destroy everything that the project made in an environment.';
  static override flags = {
    yes: boolean({ char: 'y', description: 'Do not ask.' }),
    ...applyFlags,
    target: string({ description: 'Only this address and what needs it. May be repeated.', multiple: true }),
  };

  async run(): Promise<void> {
    const { flags } = await this.parse(Destroy);
    const { settings, project } = await desiredOf(flags);
    process.exitCode = await within(this, settings, (environment) =>
      underLock(this, flags, environment, 'destroy', async (lock) => {
        const plan = await planFor(environment, project, { mode: 'destroy', targets: flags.target });
        return applyWithConsent(this, flags, environment, plan, new Map(), { lock });
      }),
    );
  }
}
