import { integer, string } from '@oclif/core/flags';
import { CATALOGUE_KINDS, type CatalogueKind, searchCatalogue } from '../../../compose/views.ts';
import { BaseCommand } from '../../base-command.ts';
import { table } from '../../output.ts';
import { inEnvironment } from '../../session.ts';
import { word } from '../../word.ts';

export default class FeaturesSearch extends BaseCommand {
  static override summary =
    'Search what is applied by name, tag, owner and description: features and all that is made of them.';
  static override args = { text: word({ description: 'Words that all occur in it. Default: everything.' }) };
  static override flags = {
    kind: string({ description: 'Only of this kind. May be repeated.', options: [...CATALOGUE_KINDS], multiple: true }),
    tag: string({ description: 'Only with this tag: NAME or NAME=VALUE.' }),
    owner: string({ description: 'Only of this owner.' }),
    limit: integer({ description: 'At most so many.', default: 50, min: 1 }),
  };

  async run(): Promise<void> {
    const { args, flags } = await this.parse(FeaturesSearch);
    const { text } = args;
    const { tag, owner } = flags;
    const kinds = flags.kind as CatalogueKind[] | undefined;
    const all = await inEnvironment(this, flags, async (environment) =>
      searchCatalogue(await environment.catalog(), { text, kinds, tag, owner }),
    );
    const found = all.slice(0, flags.limit);
    this.result(flags, { found: found.map(({ rank: _, ...entry }) => entry), total: all.length }, () =>
      found.length === 0
        ? 'Nothing that is applied fits.'
        : [
            table(
              ['KIND', 'NAME', 'OWNER', 'TAGS', 'DESCRIPTION'],
              found.map(({ kind, name, owner: of, tags, description, unit }) => [
                kind,
                name,
                of ?? '-',
                Object.entries(tags)
                  .map(([key, value]) => (value === '' ? key : `${key}=${value}`))
                  .join(' ') || '-',
                [description, unit].filter(Boolean).join(', '),
              ]),
            ),
            ...(all.length > found.length ? [`${all.length - found.length} more: --limit`] : []),
          ].join('\n'),
    );
  }
}
