import { heldView } from '../../../../compose/views.ts';
import { MlopsError } from '../../../../lib/error.ts';
import { BaseCommand } from '../../../base-command.ts';
import { instant, table, valueText } from '../../../output.ts';
import { inEnvironment } from '../../../session.ts';
import { word } from '../../../word.ts';

export default class FeaturesQuarantineShow extends BaseCommand {
  static override summary = 'One row that is kept aside, with its values and the reasons.';
  static override args = {
    id: word({ description: 'ID of the row, as `features quarantine list` shows it.', required: true }),
  };
  static override flags = {};

  async run(): Promise<void> {
    const { args, flags } = await this.parse(FeaturesQuarantineShow);
    const [row] = await inEnvironment(this, flags, async (environment) =>
      (await environment.features()).quarantine.held({ ids: [wholeNumber(args.id)], limit: 1 }),
    );
    if (row === undefined)
      throw new MlopsError('FS211', {
        detail: `No row ${args.id} is kept aside.`,
        hint: 'mlops features quarantine list',
      });
    this.result(flags, heldView(row), () =>
      [
        `${row.set} version ${row.version}, ${Object.entries(row.key)
          .map(([name, value]) => `${name}=${value}`)
          .join(' ')} at ${instant(new Date(Number(row.eventTime / 1000n)))}`,
        `kept aside since ${instant(row.heldSince)}, by a ${row.origin}`,
        ...row.reasons.map((reason) => `  ${reason}`),
        '',
        table(
          ['FEATURE', 'VALUE'],
          Object.entries(row.values).map(([name, value]) => [name, valueText(value)]),
        ),
      ].join('\n'),
    );
  }
}

function wholeNumber(text: string): number {
  const id = Number(text);
  if (Number.isSafeInteger(id) && id > 0) return id;
  throw new MlopsError('CL101', {
    detail: `${JSON.stringify(text)} is no ID of a row.`,
    hint: 'mlops features quarantine list',
  });
}
