import { boolean } from '@oclif/core/flags';
import { snakeCaseKeys, sourcesBelow } from '../../../compose.ts';
import { BaseCommand } from '../../base-command.ts';
import { table } from '../../output.ts';
import { inEnvironment } from '../../session.ts';
import { word } from '../../word.ts';

export default class FeaturesMaterialize extends BaseCommand {
  static override summary = 'Compute the new rows of a feature set, or of all, and write the latest online.';
  static override args = { set: word({ description: 'Default: every feature set.' }) };
  static override flags = {
    repair: boolean({
      description: 'Look at the stored files first, and compute again what is missing or damaged.',
      default: false,
    }),
  };

  async run(): Promise<void> {
    const { args, flags } = await this.parse(FeaturesMaterialize);
    const { signal } = this.interruption;
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
        const call = { signal, log: (line: string) => this.note(`  ${name}: ${line}`) };
        const resource = catalog.get('feature_set', name);
        // What a materialization starts from: the newest content of what the set reads.
        for (const source of resource === undefined ? [] : sourcesBelow(catalog, resource)) {
          if (!ingested.has(source)) await features.ingest(source, call);
          ingested.add(source);
        }
        done.push(await features.materialize(name, call, { repair: flags.repair }));
      }
      return done;
    });
    this.result(flags, { materialized: snakeCaseKeys(reports) }, () =>
      table(
        ['FEATURE SET', 'VERSION', 'ROWS READ', 'WRITTEN', 'ONLINE', 'WATERMARK'],
        reports.map((report) => [
          report.featureSet,
          String(report.version),
          String(report.rowsRead),
          String(report.rowsWritten),
          String(report.onlineWritten),
          report.watermark ?? '-',
        ]),
      ),
    );
  }
}
