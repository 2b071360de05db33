import { resolve } from 'node:path';
import { boolean, string } from '@oclif/core/flags';
import { fileFormat, type TableFormat } from '../../../compose/views.ts';
import { BaseCommand } from '../../base-command.ts';
import { inEnvironment } from '../../session.ts';
import { word } from '../../word.ts';

const FORMATS = ['csv', 'json', 'jsonl', 'parquet'] as const;

export default class EndpointsFeedback extends BaseCommand {
  static override summary =
    'What predictions turned out to be, from a file with the columns request_id, row (optional), outcome, at (optional).';
  static override args = {
    endpoint: word({ description: 'Name of the endpoint.', required: true }),
    file: word({ description: 'A .csv, .parquet, .jsonl or .json file; - reads standard input.', required: true }),
  };
  static override flags = {
    format: string({
      description: 'Format of the file. Default: as its ending says; of standard input jsonl.',
      options: [...FORMATS],
    }),
    'skip-unknown': boolean({
      description: 'Leave out rows whose prediction is not known, instead of refusing them.',
      default: false,
    }),
  };

  async run(): Promise<void> {
    const { args, flags } = await this.parse(EndpointsFeedback);
    const endpoint = args.endpoint.replace(/^endpoint\./, '');
    const format = (flags.format as TableFormat | undefined) ?? (args.file === '-' ? 'jsonl' : fileFormat(args.file));
    const { signal } = this.interruption;
    const report = await inEnvironment(this, flags, async (environment) =>
      environment.tellFile(
        {
          endpoint,
          from: args.file === '-' ? { stream: process.stdin } : { file: resolve(args.file) },
          format,
          who: environment.who,
          unknown: flags['skip-unknown'] ? 'skip' : 'refuse',
        },
        signal,
      ),
    );
    this.result(flags, { endpoint, ...report }, () => {
      const { added, corrected, unchanged, unknown } = report;
      const left = unknown === 0 ? '' : `, ${unknown} left out: their predictions are not known`;
      return `${endpoint}: ${added} outcomes added, ${corrected} corrected, ${unchanged} told before${left}`;
    });
  }
}
