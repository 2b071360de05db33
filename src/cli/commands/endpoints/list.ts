import { modelsOf } from '../../../spec/endpoint-models.ts';
import { BaseCommand } from '../../base-command.ts';
import { followed, shareOf, whoAsks } from '../../endpoint-view.ts';
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
              modelsOf(spec).map((of) => [name, spec.key, whoAsks(of), shareOf(spec, of), of.model, followed(of)]),
            ),
          ),
    );
  }
}
