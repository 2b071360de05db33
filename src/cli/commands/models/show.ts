import { versionView } from '../../../compose/views.ts';
import { BaseCommand } from '../../base-command.ts';
import { metricsText, versionOf } from '../../models.ts';
import { instant } from '../../output.ts';
import { inEnvironment } from '../../session.ts';
import { word } from '../../word.ts';

export default class ModelsShow extends BaseCommand {
  static override summary = 'One version of a model: metrics, artifacts, what it was made from.';
  static override args = {
    model: word({ description: 'Name of the model.', required: true }),
    version: word({ description: 'A number, latest, a stage or an alias.', default: 'latest' }),
  };
  static override flags = {};

  async run(): Promise<void> {
    const { args, flags } = await this.parse(ModelsShow);
    const version = await inEnvironment(this, flags, async (environment) =>
      versionOf(await environment.registry(), args.model, args.version),
    );
    this.result(flags, versionView(version), () =>
      [
        `${version.name} version ${version.version}`,
        `id          ${version.id}`,
        `stage       ${version.stage} since ${instant(version.stageChangedAt)}`,
        ...(version.aliases.length === 0 ? [] : [`aliases     ${version.aliases.join(', ')}`]),
        `registered  ${instant(version.createdAt)} by ${version.createdBy}`,
        `framework   ${[version.framework, version.flavour?.version].filter(Boolean).join(' ')}`,
        ...(version.flavour == null
          ? []
          : [
              `needs       ${[...(version.flavour.python === null ? [] : [`python ${version.flavour.python}`]), ...version.flavour.requirements].join(', ')}`,
            ]),
        ...(version.description === null ? [] : [`description ${version.description}`]),
        ...Object.entries(version.tags).map(([key, value]) => `tag         ${key}=${value}`),
        `metrics     ${metricsText(version.metrics)}`,
        ...(version.signature === null ? [] : [`inputs      ${version.signature.features.join(', ')}`]),
        ...version.artifacts.map(
          ({ path, digest, bytes, uri }) =>
            `artifact    ${path} ${uri ?? digest ?? 'not uploaded yet'}${bytes === null ? '' : ` (${bytes} bytes)`}`,
        ),
        `lineage     ${JSON.stringify(version.lineage)}`,
      ].join('\n'),
    );
  }
}
