import { boolean, integer } from '@oclif/core/flags';
import { snakeCaseKeys, sourcesBelow } from '../../../compose/views.ts';
import { MlopsError } from '../../../lib/error.ts';
import { BaseCommand } from '../../base-command.ts';
import { showProgress } from '../../materializing.ts';
import { table } from '../../output.ts';
import { inEnvironment } from '../../session.ts';
import { word } from '../../word.ts';

export default class FeaturesMaterialize extends BaseCommand {
  static override summary = 'Compute the new rows of a feature set, or of all, and write the latest online.';
  static override args = { set: word({ description: 'Default: every feature set.' }) };
  static override flags = {
    version: integer({
      description: 'Only this version of the set; one that was retired is brought back, and kept for a day at least.',
      min: 1,
    }),
    progress: boolean({
      description: 'With --json: an event a line while it runs, and the result as the last one.',
      default: false,
    }),
    repair: boolean({
      description: 'Look at the stored files first, and compute again what is missing or damaged.',
      default: false,
    }),
  };

  async run(): Promise<void> {
    const { args, flags } = await this.parse(FeaturesMaterialize);
    const { signal } = this.interruption;
    if (flags.version !== undefined && args.set === undefined)
      throw new MlopsError('CL101', { detail: '--version is of one feature set.', hint: 'name the set' });
    const showing = showProgress(this, flags);
    const reports = await inEnvironment(this, flags, async (environment) => {
      const features = await environment.features();
      const catalog = await environment.catalog();
      const names =
        args.set === undefined
          ? catalog.list('feature_set').map(({ name }) => name)
          : [args.set.replace(/^feature_set\./, '')];
      const ingested = new Set<string>();
      const done = [];
      for (const name of names) {
        signal.throwIfAborted();
        const call = { signal, log: (line: string) => this.note(`  ${name}: ${line}`), progress: showing.tell };
        const resource = catalog.get('feature_set', name);
        // What a materialization starts from: the newest content of what the set reads.
        for (const source of resource === undefined ? [] : sourcesBelow(catalog, resource)) {
          if (!ingested.has(source)) await features.ingest(source, call);
          ingested.add(source);
        }
        done.push(await features.materialize(name, call, { repair: flags.repair, version: flags.version }));
      }
      return done;
    }).finally(() => showing.stop());
    if (flags.json && flags.progress) {
      this.event({ event: 'materialized', materialized: snakeCaseKeys(reports) });
      return;
    }
    this.result(flags, { materialized: snakeCaseKeys(reports) }, () =>
      table(
        ['FEATURE SET', 'VERSION', 'ROWS READ', 'WRITTEN', 'ONLINE', 'WATERMARK'],
        reports.flatMap((report) =>
          [report, ...report.older.filter(({ error }) => error === null)].map((one) => [
            report.featureSet,
            String(one.version),
            String(one.rowsRead),
            String(one.rowsWritten),
            String(one.onlineWritten),
            one.watermark ?? '-',
          ]),
        ),
      ),
    );
  }
}
