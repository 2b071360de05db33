import { boolean, integer, string } from '@oclif/core/flags';
import {
  type BackfillRecord,
  backfillPreviewView,
  backfillRecordView,
  parseInstant,
  parseLastInstant,
  REPROCESS,
  type Reprocess,
} from '../../compose/views.ts';
import type { OpenEnvironment } from '../../compose.ts';
import { MlopsError } from '../../lib/error.ts';
import { backfillLine, backfillText, previewText } from '../backfill-view.ts';
import { BaseCommand, type GlobalFlags } from '../base-command.ts';
import { paramsOf } from '../pipeline-params.ts';
import { EXIT_ERROR, EXIT_INTERRUPTED } from '../report.ts';
import { inEnvironment } from '../session.ts';
import { word } from '../word.ts';
import { isServed, workHere } from '../work-here.ts';

const LOOK_EVERY_MS = 500;

export default class Backfill extends BaseCommand {
  static override summary =
    'Run a pipeline for the instants of its schedule in a range. Without a daemon it is worked on here until it ends.';
  static override args = { pipeline: word({ description: 'Name of the pipeline.', required: true }) };
  static override flags = {
    from: string({ description: 'The first instant that counts. A date alone is its first moment.', required: true }),
    to: string({ description: 'The last instant that counts. A date alone is its last moment.', required: true }),
    'dry-run': boolean({ description: 'Start nothing: which instants would be run, and why the others not.' }),
    concurrency: integer({ description: 'Runs at once.', default: 1, min: 1, max: 1000 }),
    backwards: boolean({ description: 'The newest instant first.' }),
    reprocess: string({
      description:
        'Instants that have a run: none of them again, those whose last run did not succeed, or all. A live one never.',
      options: [...REPROCESS],
      default: 'none',
    }),
    param: string({
      char: 'p',
      description: 'NAME=VALUE over the default. May be repeated.',
      multiple: true,
      default: [],
    }),
    follow: boolean({ char: 'f', description: 'Stay until it ends; exit with 1 when a run of it fails.' }),
  };

  async run(): Promise<void> {
    const { args, flags } = await this.parse(Backfill);
    const [from, to] = [timeOf('--from', parseInstant(flags.from)), timeOf('--to', parseLastInstant(flags.to))];
    await inEnvironment(this, flags, async (environment) => {
      const pipeline = args.pipeline.replace(/^pipeline\./, '');
      const { backfills } = await environment.orchestrator();
      const request = {
        ...{ pipeline, from, to },
        params: await paramsOf(environment, pipeline, flags.param),
        concurrency: flags.concurrency,
        backwards: flags.backwards,
        reprocess: flags.reprocess as Reprocess,
        who: environment.who,
      };
      if (flags['dry-run']) {
        const preview = await backfills.preview(request);
        this.result(flags, backfillPreviewView(preview), () => previewText(preview));
        return;
      }
      const made = await backfills.start(request);
      const served = await isServed(environment, ['scheduler', 'worker']);
      if (served && !flags.follow) {
        this.result(
          flags,
          backfillRecordView(made),
          () => `Started ${made.backfillId}. Look at it: mlops backfills show ${made.backfillId}`,
        );
        return;
      }
      if (!flags.json) this.note(`backfill ${made.backfillId} of ${pipeline}: ${made.instants.length} instants`);
      const stopWork = served ? async () => {} : await workHere(environment);
      try {
        await this.follow(environment, made.backfillId, served, flags);
      } finally {
        await stopWork();
      }
    });
  }

  /** Interrupted: it is cancelled where it is worked on here, and goes on where a daemon has it. */
  private async follow(
    environment: OpenEnvironment,
    backfillId: string,
    served: boolean,
    flags: GlobalFlags,
  ): Promise<void> {
    const { backfills } = await environment.orchestrator();
    const { signal } = this.interruption;
    let told = '';
    let backfill: BackfillRecord = await backfills.get(backfillId);
    while (backfill.status === 'running' && !signal.aborted) {
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, LOOK_EVERY_MS);
        signal.addEventListener('abort', () => [clearTimeout(timer), resolve()], { once: true });
      });
      backfill = await backfills.get(backfillId);
      const line = backfillLine(backfill);
      if (line !== told && !flags.json) this.note(`  ${line}`);
      told = line;
    }
    if (signal.aborted && backfill.status === 'running') {
      if (!served) backfill = await backfills.cancel(backfillId, environment.who);
      this.note(served ? `${backfillId} goes on in the daemon` : `cancelled ${backfillId}`);
      process.exitCode = EXIT_INTERRUPTED;
      return;
    }
    this.result(flags, backfillRecordView(backfill), () => backfillText(backfill));
    if (backfill.status !== 'succeeded') process.exitCode = EXIT_ERROR;
  }
}

function timeOf(flag: string, at: Date | undefined): Date {
  if (at !== undefined) return at;
  throw new MlopsError('CL101', { detail: `${flag} is no time.`, hint: 'write 2026-01-31 or 2026-01-31T02:00:00Z' });
}
