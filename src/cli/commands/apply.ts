import { readFile } from 'node:fs/promises';
import { resolve } from 'node:path';
import { boolean, integer, string } from '@oclif/core/flags';
import { MlopsError } from '../../lib/error.ts';
import { refuseEdited } from '../../plan/edited-since.ts';
import { projectOrSettings } from '../against.ts';
import { applyFlags, underLock } from '../applying.ts';
import { BaseCommand } from '../base-command.ts';
import { failOnFlag, gateFor } from '../plan-output.ts';
import { applyWithConsent, planFor, restoreLostCode } from '../planning.ts';
import { desiredOf, settingsOf, within } from '../session.ts';
import { word } from '../word.ts';

export default class Apply extends BaseCommand {
  static override summary = 'Make it so: plan, ask, apply; or apply a saved plan.';
  static override args = { planfile: word({ description: 'A plan saved with `plan --out`.' }) };
  static override flags = {
    yes: boolean({ char: 'y', description: 'Do not ask.' }),
    ...applyFlags,
    'fail-on': failOnFlag,
    target: string({ description: 'Only this address and what it needs. May be repeated.', multiple: true }),
    against: integer({ description: 'Go back to the specs as they were at this serial of the state.', min: 1 }),
  };

  async run(): Promise<void> {
    const { args, flags } = await this.parse(Apply);
    process.exitCode =
      args.planfile === undefined ? await this.applySpecs(flags) : await this.applyFile(args.planfile, flags);
  }

  private async applySpecs(flags: Flags): Promise<number> {
    const { settings, project } = await (flags.against === undefined
      ? desiredOf(flags)
      : projectOrSettings(this, flags));
    return within(this, settings, (environment) =>
      underLock(this, flags, environment, 'apply', async (lock) => {
        const plan = await planFor(environment, project, {
          mode: 'apply',
          targets: flags.target,
          against: flags.against,
        });
        const gate = gateFor(plan, flags['fail-on']);
        const code = await applyWithConsent(this, flags, environment, plan, project.bundleFiles, { gate, lock });
        if (code === 0) await restoreLostCode(this, environment, project);
        return code;
      }),
    );
  }

  /** A saved plan was looked at when it was made: it is not asked about again. */
  private async applyFile(file: string, flags: Flags): Promise<number> {
    const { decodePlanFile } = await import('../../plan/plan-file.ts');
    const { plan, bundleFiles } = decodePlanFile(await textOf(file), file);
    const settings = await settingsOf({ ...flags, env: flags.env ?? plan.environment });
    if (settings.project !== plan.project || settings.environment !== plan.environment) {
      throw new MlopsError('AP103', {
        detail: `${file} is a plan of ${plan.project}/${plan.environment}, not of ${settings.project}/${settings.environment}.`,
      });
    }
    const files = new Map(
      Object.entries(bundleFiles).map(([digest, source]) => [
        digest,
        typeof source === 'string' ? resolve(settings.root, source) : source,
      ]),
    );
    if (flags.against !== undefined && flags.against !== plan.against) {
      throw new MlopsError('CL101', {
        detail: `${file} says itself what it goes back to; --against is for a new plan.`,
      });
    }
    // A plan that destroys or goes back takes nothing from the files here.
    const takesFiles = plan.mode === 'apply' && plan.against === null;
    return within(this, settings, async (environment) => {
      if (takesFiles) {
        requireSameCommit(file, plan.gitCommit, await environment.gitCommit());
        const { project } = await desiredOf({ ...flags, env: settings.environment });
        refuseEdited(file, plan, project);
      }
      const gate = gateFor(plan, flags['fail-on']);
      return underLock(this, flags, environment, plan.mode, (lock) =>
        applyWithConsent(this, { ...flags, yes: true }, environment, plan, files, { gate, lock }),
      );
    });
  }
}

type Flags = Awaited<ReturnType<Apply['parse']>>['flags'] & {
  env: string | undefined;
  config: string | undefined;
  json: boolean;
  color: boolean;
  yes: boolean;
  parallelism: number;
  'lock-timeout': string | undefined;
  target: string[] | undefined;
  against: number | undefined;
  'fail-on': string | undefined;
};

async function textOf(file: string): Promise<string> {
  try {
    return await readFile(file, 'utf8');
  } catch (cause) {
    throw new MlopsError('AP103', {
      detail: `${file} cannot be read.`,
      hint: 'make it with mlops plan --out FILE',
      cause,
    });
  }
}

/** Code and data files are taken from the working tree: they must be those that the plan was made with. Nothing is known without git. */
function requireSameCommit(file: string, planned: string | null, here: string | null): void {
  if (planned === null || here === null || planned === here) return;
  throw new MlopsError('AP102', {
    detail: `${file} was made at commit ${planned.slice(0, 12)}, but ${here.slice(0, 12)} is checked out here.`,
    hint: `plan again, or check out ${planned.slice(0, 12)}`,
  });
}
