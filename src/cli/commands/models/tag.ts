import { string } from '@oclif/core/flags';
import { modelView, versionView } from '../../../compose/views.ts';
import { MlopsError } from '../../../lib/error.ts';
import { BaseCommand } from '../../base-command.ts';
import { modelName, versionOf } from '../../models.ts';
import { inEnvironment } from '../../session.ts';
import { word } from '../../word.ts';

export default class ModelsTag extends BaseCommand {
  static override summary =
    'Tags and the description of a version, or of the model itself. The history keeps what they were.';
  static override strict = false;
  static override args = {
    model: word({ description: 'Name of the model.', required: true }),
    tags: word({ description: 'Any number of KEY=VALUE, and KEY- to take one away.' }),
  };
  static override flags = {
    version: string({ description: 'A number, latest, a stage or an alias. Default: the model itself.' }),
    description: string({ description: 'What it is, for people; an empty text takes it away.' }),
  };

  async run(): Promise<void> {
    const { args, argv, flags } = await this.parse(ModelsTag);
    const edit = {
      tags: Object.fromEntries((argv as string[]).slice(1).map(tagOf)),
      ...(flags.description !== undefined && { description: flags.description === '' ? null : flags.description }),
    };
    const labelled = await inEnvironment(this, flags, async (environment) => {
      const registry = await environment.registry();
      if (flags.version === undefined)
        return modelView(await registry.labelModel(modelName(args.model), edit, environment.who));
      const { id } = await versionOf(registry, args.model, flags.version);
      return versionView(await registry.labelVersion(id, edit, environment.who));
    });
    this.result(flags, labelled, () =>
      [
        'version' in labelled ? `${labelled.name} version ${labelled.version}` : labelled.name,
        ...(labelled.description === null ? [] : [`  ${labelled.description}`]),
        ...Object.entries(labelled.tags).map(([key, value]) => `  ${key}=${value}`),
      ].join('\n'),
    );
  }
}

function tagOf(text: string): [string, string | null] {
  const equals = text.indexOf('=');
  if (equals > 0) return [text.slice(0, equals), text.slice(equals + 1)];
  if (equals < 0 && text.length > 1 && text.endsWith('-')) return [text.slice(0, -1), null];
  throw new MlopsError('CL101', {
    detail: `"${text}" is no tag.`,
    hint: 'write KEY=VALUE, or KEY- to take the tag away',
  });
}
