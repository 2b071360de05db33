import { profileOf } from '../../../compose/views.ts';
import { BaseCommand } from '../../base-command.ts';
import { versionOf } from '../../models.ts';
import { table } from '../../output.ts';
import { inEnvironment } from '../../session.ts';
import { word } from '../../word.ts';

export default class ModelsProfile extends BaseCommand {
  static override summary = 'What a version learned from: its inputs and answers, as they were frozen with it.';
  static override args = {
    model: word({ description: 'Name of the model.', required: true }),
    version: word({ description: 'A number, production, staging or latest.', default: 'latest' }),
  };
  static override flags = {};

  async run(): Promise<void> {
    const { args, flags } = await this.parse(ModelsProfile);
    const { version, profile } = await inEnvironment(this, flags, async (environment) => {
      const found = await versionOf(await environment.registry(), args.model, args.version);
      return { version: found, profile: await profileOf(found, await environment.artifacts()) };
    });
    this.result(flags, profile, () =>
      [
        `${version.name} version ${version.version}`,
        '',
        table(
          ['', 'NAME', 'ROWS', 'NULLS', 'MIN', 'MEDIAN', 'MAX', 'MOST FREQUENT'],
          (['inputs', 'outputs'] as const).flatMap((side) =>
            Object.entries(profile[side]).map(([name, column]) => [
              side === 'inputs' ? 'input' : 'output',
              name,
              String(column.count),
              String(column.nulls),
              ...(column.kind === 'number'
                ? [column.min, column.quantiles?.['p50'] ?? null, column.max].map((figure) =>
                    figure === null ? '-' : String(Number(figure.toPrecision(4))),
                  )
                : ['', '', '']),
              column.kind === 'category'
                ? column.top
                    .slice(0, 3)
                    .map(({ value, count }) => `${value} (${count})`)
                    .join(', ')
                : '',
            ]),
          ),
        ),
      ].join('\n'),
    );
  }
}
