import { writeFile } from 'node:fs/promises';
import { boolean, string } from '@oclif/core/flags';
import { MlopsError } from '../../lib/error.ts';
import { hasChanges } from '../../plan/plan.ts';
import { BaseCommand } from '../base-command.ts';
import { failOnFlag, gateFor, PLAN_FORMATS, type PlanFormat, writePlan } from '../plan-output.ts';
import { planFor, relativeBundleFiles } from '../planning.ts';
import { EXIT_BLOCKED, EXIT_CHANGES, EXIT_ERROR } from '../report.ts';
import { desiredOf, within } from '../session.ts';
import { writing } from '../writing.ts';

export default class PlanCommand extends BaseCommand {
  static override summary = 'Show what would change. Writes nothing.';
  static override flags = {
    out: string({ description: 'Save the plan for `apply FILE`.' }),
    'detailed-exitcode': boolean({ description: 'Exit with 2 where something would change.' }),
    format: string({
      description: 'How to show it. Default human; `--json` is `--format json`.',
      options: [...PLAN_FORMATS],
    }),
    'fail-on': failOnFlag,
    target: string({ description: 'Only this address and what it needs. May be repeated.', multiple: true }),
    destroy: boolean({ description: 'Plan to destroy everything.' }),
  };

  async run(): Promise<void> {
    const { flags } = await this.parse(PlanCommand);
    const format = formatOf(flags);
    const { settings, project } = await desiredOf({ ...flags, json: format === 'json' });
    const { plan, gate } = await within(
      this,
      settings,
      async (environment) => {
        const mode = flags.destroy ? 'destroy' : 'apply';
        const made = await planFor(environment, project, { mode, targets: flags.target });
        const output = { format, gate: gateFor(made, flags['fail-on']), settings, bundleFiles: project.bundleFiles };
        await writePlan(this, flags, environment, made, output);
        return { plan: made, gate: output.gate };
      },
      { readOnly: true },
    );
    if (flags.out !== undefined) {
      const { encodePlanFile } = await import('../../plan/plan-file.ts');
      const file = flags.out;
      await writing(file, () => writeFile(file, encodePlanFile({ plan, bundleFiles: relativeBundleFiles(project) })));
      this.note(`Saved to ${flags.out}. Apply exactly this with: mlops apply ${flags.out}`);
    }
    if (plan.errored) process.exitCode = EXIT_ERROR;
    else if (gate !== undefined && gate.blocked.length > 0) process.exitCode = EXIT_BLOCKED;
    else if (flags['detailed-exitcode'] && hasChanges(plan)) process.exitCode = EXIT_CHANGES;
  }
}

function formatOf(flags: { readonly json: boolean; readonly format: string | undefined }): PlanFormat {
  const asked = PLAN_FORMATS.find((name) => name === flags.format);
  if (flags.json && asked !== undefined && asked !== 'json') {
    throw new MlopsError('CL101', {
      detail: `--json and --format ${asked} ask for two formats.`,
      hint: 'leave one out',
    });
  }
  return flags.json ? 'json' : (asked ?? 'human');
}
