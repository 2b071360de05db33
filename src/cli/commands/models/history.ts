import { boolean, string } from '@oclif/core/flags';
import { historyLineView, stageMoveView, versionView } from '../../../compose/views.ts';
import { MlopsError } from '../../../lib/error.ts';
import { parseInstant } from '../../../lib/instant.ts';
import { BaseCommand } from '../../base-command.ts';
import { modelName } from '../../models.ts';
import { instant, table } from '../../output.ts';
import { inEnvironment } from '../../session.ts';
import { word } from '../../word.ts';

export default class ModelsHistory extends BaseCommand {
  static override summary = 'Every move between stages; with --at, how the model stood then.';
  static override args = { model: word({ description: 'Name of the model.', required: true }) };
  static override flags = {
    at: string({ description: 'A time, ISO 8601; without a zone it is UTC.' }),
    all: boolean({ description: 'Changes of labels and aliases too, and what was deleted.', default: false }),
  };

  async run(): Promise<void> {
    const { args, flags } = await this.parse(ModelsHistory);
    const model = modelName(args.model);
    if (flags.at !== undefined) {
      const at = instantOf(flags.at);
      const { production, standing } = await inEnvironment(this, flags, async (environment) => {
        const registry = await environment.registry();
        return { production: await registry.productionAt(model, at), standing: await registry.standingAt(model, at) };
      });
      const { staging, aliases, versions } = standing;
      const shown = {
        at,
        production: production === undefined ? null : versionView(production),
        staging,
        aliases,
        versions,
      };
      this.result(flags, shown, () =>
        [
          production === undefined
            ? `Nothing of ${model} was in production then.`
            : `${model} version ${production.version} was in production.`,
          ...(staging.length === 0 ? [] : [`In staging: ${staging.join(', ')}.`]),
          ...Object.entries(aliases).map(([alias, version]) => `Alias ${alias}: version ${version}.`),
        ].join('\n'),
      );
      return;
    }
    if (flags.all) {
      const lines = await inEnvironment(this, flags, async (environment) =>
        (await environment.registry()).timeline(model),
      );
      this.result(flags, { lines: lines.map(historyLineView) }, () =>
        table(
          ['AT (UTC)', 'VERSION', 'WHAT', 'FROM', 'TO', 'WHO', 'WHY'],
          lines.map((line) => [
            instant(line.at),
            line.version === null ? '-' : String(line.version),
            line.kind === 'move' ? 'stage' : [line.change, line.key ?? ''].join(' ').trim(),
            (line.kind === 'move' ? line.from : line.before) ?? '-',
            (line.kind === 'move' ? line.to : line.after) ?? '-',
            line.who,
            line.reason ?? '-',
          ]),
        ),
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
          `${move.version}${move.deleted ? ' (deleted)' : ''}`,
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
