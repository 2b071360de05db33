import { MlopsError } from '../../../lib/error.ts';
import { didYouMean } from '../../../lib/suggest.ts';
import { type EndpointModel, modelsOf } from '../../../spec/endpoint-models.ts';
import { ruleName } from '../../../spec/endpoint-rules.ts';
import { BaseCommand } from '../../base-command.ts';
import { followed, shareOf, whoAsks } from '../../endpoint-view.ts';
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
    const { spec, models } = await inEnvironment(this, flags, async (environment) => {
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
      const models = await Promise.all(
        modelsOf(recorded.spec).map(async (of) => ({
          of,
          now: of.version ?? (await registry.atStage(of.model, of.stage ?? 'production'))?.version ?? null,
        })),
      );
      return { spec: recorded.spec, models };
    });
    const named = (role: EndpointModel['role'], name: string) =>
      models.filter(({ of }) => of.role === role && of.name === name);
    const view = ({ of, now }: (typeof models)[number]) => ({
      model: of.model,
      follows: followed(of),
      version: now,
    });
    const none = { model: null, follows: null, version: null };
    const variants = Object.entries(spec.variants).map(([variant, { ensemble }]) => {
      const [own] = named('variant', variant);
      const [stacking] = named('stacking', variant);
      return {
        variant,
        share: spec.split[variant] ?? 0,
        ...(own === undefined ? none : view(own)),
        ...(ensemble !== undefined && {
          combine: ensemble.combine,
          members: named('member', variant).map((one) => ({ member: one.of.member, ...view(one) })),
        }),
        ...(stacking !== undefined && { stacking: view(stacking) }),
      };
    });
    const shadows = Object.entries(spec.shadows ?? {}).flatMap(([shadow, { share = 100 }]) =>
      named('shadow', shadow).map((one) => ({ shadow, share, ...view(one) })),
    );
    this.result(flags, { name, spec, variants, ...(shadows.length > 0 && { shadows }) }, () =>
      [
        `${name}${spec.description === undefined ? '' : `: ${spec.description}`}`,
        `key ${spec.key}`,
        ...(spec.rules ?? []).map((rule, at) => `rule ${ruleName(rule, at)}: ${rule.when} → ${rule.variant}`),
        '',
        table(
          ['VARIANT', 'SHARE', 'MODEL', 'FOLLOWS', 'VERSION'],
          models.map(({ of, now }) => [
            whoAsks(of),
            shareOf(spec, of),
            of.model,
            followed(of),
            now === null ? 'none' : String(now),
          ]),
        ),
      ].join('\n'),
    );
  }
}
