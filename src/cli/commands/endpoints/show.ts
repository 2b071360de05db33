import { MlopsError } from '../../../lib/error.ts';
import { didYouMean } from '../../../lib/suggest.ts';
import { BaseCommand } from '../../base-command.ts';
import { table } from '../../output.ts';
import { inEnvironment } from '../../session.ts';
import { word } from '../../word.ts';

export default class EndpointsShow extends BaseCommand {
  static override summary = 'One endpoint: its variants and the version that each stands for now.';
  static override args = { endpoint: word({ description: 'Name of the endpoint.', required: true }) };
  static override flags = {};

  async run(): Promise<void> {
    const { args, flags } = await this.parse(EndpointsShow);
    const name = args.endpoint.replace(/^endpoint\./, '');
    const { spec, variants } = await inEnvironment(this, flags, async (environment) => {
      const catalog = await environment.catalog();
      const recorded = catalog.get('endpoint', name);
      if (recorded === undefined) {
        throw new MlopsError('EP201', {
          detail: `No endpoint "${name}" is applied.`,
          hint: didYouMean(
            name,
            catalog.list('endpoint').map((endpoint) => endpoint.name),
          ),
        });
      }
      const registry = await environment.registry();
      const found = await Promise.all(
        Object.entries(recorded.spec.variants).map(async ([variant, { model, stage = 'production', version }]) => ({
          variant,
          share: recorded.spec.split[variant] ?? 0,
          model,
          follows: version === undefined ? stage : `version ${version}`,
          version: version ?? (await registry.atStage(model, stage))?.version ?? null,
        })),
      );
      return { spec: recorded.spec, variants: found };
    });
    this.result(flags, { name, spec, variants }, () =>
      [
        `${name}${spec.description === undefined ? '' : `: ${spec.description}`}`,
        `key ${spec.key}`,
        '',
        table(
          ['VARIANT', 'SHARE', 'MODEL', 'FOLLOWS', 'VERSION'],
          variants.map((one) => [
            one.variant,
            `${one.share} %`,
            one.model,
            one.follows,
            one.version === null ? 'none' : String(one.version),
          ]),
        ),
      ].join('\n'),
    );
  }
}
