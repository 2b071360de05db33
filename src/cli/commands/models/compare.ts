import type { Difference } from '../../../compose/views.ts';
import { comparisonView } from '../../../compose/views.ts';
import { BaseCommand } from '../../base-command.ts';
import { modelName, versionOf } from '../../models.ts';
import { table } from '../../output.ts';
import { inEnvironment } from '../../session.ts';
import { word } from '../../word.ts';

export default class ModelsCompare extends BaseCommand {
  static override summary =
    'What differs between two versions: metrics, parameters, data, features, signature, lineage.';
  static override args = {
    model: word({ description: 'Name of the model.', required: true }),
    from: word({ description: 'A number, latest, a stage or an alias.', required: true }),
    to: word({ description: 'As the first.', default: 'latest' }),
  };
  static override flags = {};

  async run(): Promise<void> {
    const { args, flags } = await this.parse(ModelsCompare);
    const comparison = await inEnvironment(this, flags, async (environment) => {
      const registry = await environment.registry();
      const from = await versionOf(registry, args.model, args.from);
      const to = await versionOf(registry, args.model, args.to);
      return registry.compare(modelName(args.model), from.version, to.version);
    });
    const { from, to, metrics, features } = comparison;
    const heads = [`v${from.version}`, `v${to.version}`] as const;
    const number = (value: number | null) => (value === null ? '-' : String(Number(value.toPrecision(6))));
    const parts: readonly [string, readonly Difference[]][] = [
      ['PARAMETER', comparison.hyperparameters],
      ['DATA', comparison.data],
      ['SIGNATURE', comparison.signature],
      ['LINEAGE', comparison.lineage],
      ['ARTIFACT', comparison.artifacts],
      ['LABEL', comparison.labels],
    ];
    this.result(flags, comparisonView(comparison), () =>
      [
        ...(metrics.length === 0
          ? []
          : [
              table(
                ['METRIC', ...heads, 'DIFFERENCE', 'BETTER'],
                metrics.map(({ metric, from: was, to: is, difference, better }) => [
                  metric,
                  number(was),
                  number(is),
                  number(difference),
                  better === null ? '-' : better === 'from' ? heads[0] : heads[1],
                ]),
              ),
            ]),
        ...(features.added.length + features.removed.length === 0 && !features.reordered
          ? []
          : [
              [
                ...features.added.map((feature) => `+ feature ${feature}`),
                ...features.removed.map((feature) => `- feature ${feature}`),
                ...(features.reordered ? ['~ features in another order'] : []),
              ].join('\n'),
            ]),
        ...parts.flatMap(([head, differences]) =>
          differences.length === 0
            ? []
            : [
                table(
                  [head, ...heads],
                  differences.map(({ path, from: was, to: is }) => [path, shown(was), shown(is)]),
                ),
              ],
        ),
      ].join('\n\n'),
    );
  }
}

function shown(value: unknown): string {
  if (value === null) return '-';
  const text = typeof value === 'string' ? value : JSON.stringify(value);
  return text.length > 60 ? `${text.slice(0, 57)}…` : text;
}
