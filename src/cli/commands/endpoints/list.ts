import { BaseCommand } from '../../base-command.ts';
import { table } from '../../output.ts';
import { inEnvironment } from '../../session.ts';

export default class EndpointsList extends BaseCommand {
  static override summary = 'Endpoints and where their traffic goes.';
  static override flags = {};

  async run(): Promise<void> {
    const { flags } = await this.parse(EndpointsList);
    const endpoints = await inEnvironment(this, flags, async (environment) =>
      (await environment.catalog()).list('endpoint'),
    );
    this.result(flags, { endpoints: endpoints.map(({ name, spec }) => ({ name, spec })) }, () =>
      endpoints.length === 0
        ? 'No endpoints are applied.'
        : table(
            ['ENDPOINT', 'KEY', 'VARIANT', 'SHARE', 'MODEL', 'FOLLOWS'],
            endpoints.flatMap(({ name, spec }) =>
              Object.entries(spec.variants).map(([variant, { model, stage, version }]) => [
                name,
                spec.key,
                variant,
                `${spec.split[variant] ?? 0} %`,
                model,
                version === undefined ? (stage ?? 'production') : `version ${version}`,
              ]),
            ),
          ),
    );
  }
}
