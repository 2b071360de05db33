import { string } from '@oclif/core/flags';
import { stageMoveView, versionView } from '../../../compose/views.ts';
import { MlopsError } from '../../../lib/error.ts';
import { parseInstant } from '../../../lib/instant.ts';
import { BaseCommand } from '../../base-command.ts';
import { instant, table } from '../../output.ts';
import { inEnvironment } from '../../session.ts';
import { word } from '../../word.ts';

export default class ModelsHistory extends BaseCommand {
  static override summary = 'Every move between stages; with --at, what was in production then.';
  static override args = { model: word({ description: 'Name of the model.', required: true }) };
  static override flags = { at: string({ description: 'A time, ISO 8601; without a zone it is UTC.' }) };

  async run(): Promise<void> {
    const { args, flags } = await this.parse(ModelsHistory);
    const model = args.model.replace(/^model\./, '');
    if (flags.at !== undefined) {
      const at = instantOf(flags.at);
      const version = await inEnvironment(this, flags, async (environment) =>
        (await environment.registry()).productionAt(model, at),
      );
      this.result(flags, { at, production: version === undefined ? null : versionView(version) }, () =>
        version === undefined ? `Nothing of ${model} was in production then.` : `${model} version ${version.version}`,
      );
      return;
    }
    const moves = await inEnvironment(this, flags, async (environment) =>
      (await environment.registry()).history(model),
    );
    this.result(flags, { moves: moves.map(stageMoveView) }, () =>
      table(
        ['AT (UTC)', 'VERSION', 'FROM', 'TO', 'WHO', 'WHY'],
        moves.map((move) => [
          instant(move.at),
          String(move.version),
          move.from ?? '-',
          move.to,
          move.who,
          move.reason ?? '-',
        ]),
      ),
    );
  }
}

function instantOf(text: string): Date {
  const at = parseInstant(text);
  if (at === undefined)
    throw new MlopsError('CL101', { detail: `"${text}" is no time.`, hint: 'write it as 2026-01-31T12:00:00Z' });
  return at;
}
