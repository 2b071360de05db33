import { copyFile, rename, rm } from 'node:fs/promises';
import { resolve } from 'node:path';
import { string } from '@oclif/core/flags';
import { fileFormat, serviceFeatures } from '../../../compose/views.ts';
import { BaseCommand } from '../../base-command.ts';
import { inEnvironment } from '../../session.ts';
import { writing } from '../../writing.ts';

export default class FeaturesHistory extends BaseCommand {
  static override summary = 'Features as they were at each row of a spine, point in time, into a file.';
  static override args = {};
  static override flags = {
    service: string({ description: 'The feature service whose features to write.', required: true }),
    spine: string({
      description: 'A file of entity keys and event times: .csv, .parquet or .jsonl.',
      required: true,
    }),
    out: string({
      description: 'The file to write; its ending is its format: .parquet, .arrow, .csv, .jsonl or .json.',
      required: true,
    }),
  };

  async run(): Promise<void> {
    const { flags } = await this.parse(FeaturesHistory);
    const format = fileFormat(flags.out);
    const out = resolve(flags.out);
    const { signal } = this.interruption;
    const made = await inEnvironment(this, flags, async (environment) => {
      const features = serviceFeatures(flags.service.replace(/^feature_service\./, ''), await environment.catalog());
      const found = await (await environment.features()).history(
        { features, spine: { file: resolve(flags.spine) }, format, reader: `history:${environment.who}` },
        { signal, log: (line) => this.note(`  ${line}`) },
      );
      const beside = `${out}.${process.pid}.writing`;
      try {
        await writing(flags.out, async () => {
          await copyFile(found.path, beside);
          await rename(beside, out);
        });
      } finally {
        await Promise.all([found.path, beside].map((path) => rm(path, { force: true })));
      }
      return found;
    });
    this.result(flags, { file: flags.out, rows: made.rows, features: made.features }, () =>
      [`${flags.out}: ${made.rows} ${made.rows === 1 ? 'row' : 'rows'}, ${made.features.length} features`].join('\n'),
    );
  }
}
