import { writeFile } from 'node:fs/promises';
import { boolean, string } from '@oclif/core/flags';
import { hasChanges } from '../../plan/plan.ts';
import { BaseCommand } from '../base-command.ts';
import { planFor, relativeBundleFiles, showPlan } from '../planning.ts';
import { EXIT_CHANGES, EXIT_ERROR } from '../report.ts';
import { desiredOf, within } from '../session.ts';

export default class PlanCommand extends BaseCommand {
  static override summary = 'Show what would change. Writes nothing.';
  static override flags = {
    out: string({ description: 'Save the plan for `apply FILE`.' }),
    'detailed-exitcode': boolean({ description: 'Exit with 2 where something would change.' }),
    format: string({ description: 'How to show it.', options: ['human', 'json'] }),
    target: string({ description: 'Only this address and what it needs. May be repeated.', multiple: true }),
    destroy: boolean({ description: 'Plan to destroy everything.' }),
  };

  async run(): Promise<void> {
    const { flags } = await this.parse(PlanCommand);
    const json = flags.json || flags.format === 'json';
    const { settings, project } = await desiredOf({ ...flags, json });
    const plan = await within(
      this,
      settings,
      async (environment) => {
        const mode = flags.destroy ? 'destroy' : 'apply';
        const made = await planFor(environment, project, { mode, targets: flags.target });
        if (!json) await showPlan(this, flags, environment, made, project.bundleFiles);
        return made;
      },
      { readOnly: true },
    );
    if (json) {
      const { renderJson } = await import('../../plan/render/json.ts');
      this.print(renderJson(plan));
    }
    if (flags.out !== undefined) {
      const { encodePlanFile } = await import('../../plan/plan-file.ts');
      await writeFile(flags.out, encodePlanFile({ plan, bundleFiles: relativeBundleFiles(project) }));
      this.note(`Saved to ${flags.out}. Apply exactly this with: mlops apply ${flags.out}`);
    }
    if (plan.errored) process.exitCode = EXIT_ERROR;
    else if (flags['detailed-exitcode'] && hasChanges(plan)) process.exitCode = EXIT_CHANGES;
  }
}
