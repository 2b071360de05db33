import { writeFile } from 'node:fs/promises';
import { boolean, integer, string } from '@oclif/core/flags';
import { MlopsError } from '../../lib/error.ts';
import { hasChanges, hasDrift } from '../../plan/plan.ts';
import { projectOrSettings } from '../against.ts';
import { BaseCommand, type GlobalFlags } from '../base-command.ts';
import {
  failOnFlag,
  gateFor,
  PLAN_FORMATS,
  type PlanFormat,
  type PlanReport,
  reportFlag,
  reportsOf,
  writeFailure,
  writePlan,
} from '../plan-output.ts';
import { planFor, refreshPlanOf, relativeBundleFiles } from '../planning.ts';
import { EXIT_BLOCKED, EXIT_CHANGES, EXIT_ERROR } from '../report.ts';
import { desiredOf, settingsOf, within } from '../session.ts';
import { writing } from '../writing.ts';

/** How long the control store may take for one statement of a look at the stores. */
const ANSWERS_WITHIN_MS = 20_000;

type PlanFlags = GlobalFlags & {
  readonly out: string | undefined;
  readonly 'detailed-exitcode': boolean;
  readonly 'fail-on': string | undefined;
  readonly target: string[] | undefined;
  readonly destroy: boolean;
  readonly against: number | undefined;
};

interface Shown {
  readonly format: PlanFormat;
  readonly reports: readonly PlanReport[];
}

export default class PlanCommand extends BaseCommand {
  static override summary = 'Show what would change. Writes nothing.';
  static override flags = {
    out: string({ description: 'Save the plan for `apply FILE`.' }),
    'detailed-exitcode': boolean({ description: 'Exit with 2 where something would change.' }),
    format: string({
      description: 'How to show it. Default human; `--json` is `--format json`.',
      options: [...PLAN_FORMATS],
    }),
    report: reportFlag,
    'fail-on': failOnFlag,
    target: string({ description: 'Only this address and what it needs. May be repeated.', multiple: true }),
    destroy: boolean({ description: 'Plan to destroy everything.', exclusive: ['against'] }),
    against: integer({ description: 'Plan to go back to the specs as they were at this serial of the state.', min: 1 }),
    'refresh-only': boolean({ description: 'Change nothing: say where the stores are not as recorded.' }),
  };

  async run(): Promise<void> {
    const { flags } = await this.parse(PlanCommand);
    const shown = { format: formatOf(flags), reports: reportsOf(flags.report) };
    try {
      await (flags['refresh-only'] ? this.refresh(flags, shown) : this.plan(flags, shown));
    } catch (error) {
      if (error instanceof MlopsError && error.code !== 'AP106') await writeFailure(this, flags, error, shown);
      throw error;
    }
  }

  private async plan(flags: PlanFlags, shown: Shown): Promise<void> {
    const { format } = shown;
    const asked = { ...flags, json: format === 'json' };
    const { settings, project } = await (flags.against === undefined
      ? desiredOf(asked)
      : projectOrSettings(this, asked));
    const { plan, gate } = await within(
      this,
      settings,
      async (environment) => {
        const mode = flags.destroy ? 'destroy' : 'apply';
        const made = await planFor(environment, project, { mode, targets: flags.target, against: flags.against });
        const output = {
          ...shown,
          gate: gateFor(made, flags['fail-on']),
          settings,
          bundleFiles: project.bundleFiles,
        };
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
    else if (plan.summary.denied > 0 || (gate !== undefined && gate.blocked.length > 0))
      process.exitCode = EXIT_BLOCKED;
    else if (flags['detailed-exitcode'] && hasChanges(plan)) process.exitCode = EXIT_CHANGES;
  }

  /** The specs are not read: what is compared is what is recorded and what the stores hold. */
  private async refresh(flags: PlanFlags, shown: Shown): Promise<void> {
    const other = NOT_WITH_REFRESH.find((name) => flags[name] !== undefined);
    if (other !== undefined) {
      throw new MlopsError('CL101', {
        detail: `--refresh-only changes nothing and looks at everything, so --${other} does not go with it.`,
        hint: 'leave one out',
      });
    }
    const settings = await settingsOf(flags);
    const plan = await within(
      this,
      settings,
      async (environment) => {
        const made = await refreshPlanOf(environment, this.interruption.signal);
        await writePlan(this, flags, environment, made, {
          ...shown,
          gate: undefined,
          settings,
          bundleFiles: new Map(),
        });
        return made;
      },
      { readOnly: true, answersWithinMs: ANSWERS_WITHIN_MS },
    );
    if (flags['detailed-exitcode'] === true && hasDrift(plan)) process.exitCode = EXIT_CHANGES;
  }
}

/** What asks for changes, of which there are none. */
const NOT_WITH_REFRESH = ['out', 'fail-on', 'target', 'destroy', 'against'] as const;

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
