import { integer, string } from '@oclif/core/flags';
import { MlopsError } from '../../../lib/error.ts';
import { didYouMean } from '../../../lib/suggest.ts';
import { BaseCommand } from '../../base-command.ts';
import { table, valueText } from '../../output.ts';
import { inEnvironment } from '../../session.ts';
import { word } from '../../word.ts';

export default class EndpointsLog extends BaseCommand {
  static override summary = 'What an endpoint answered, newest first, and what it turned out to be.';
  static override args = { endpoint: word({ description: 'Name of the endpoint.', required: true }) };
  static override flags = {
    limit: integer({ description: 'Most rows.', default: 20, min: 1, max: 1_000 }),
    request: string({ description: 'Only of the request with this id.' }),
    cursor: string({ description: 'Where the page before ended.' }),
  };

  async run(): Promise<void> {
    const { args, flags } = await this.parse(EndpointsLog);
    const asked = args.endpoint.replace(/^endpoint\./, '');
    const page = await inEnvironment(this, flags, async (environment) => {
      const catalog = await environment.catalog();
      const name = catalog.get('endpoint', asked)?.name;
      if (name === undefined)
        throw new MlopsError('EP201', {
          detail: `No endpoint "${asked}" is applied.`,
          hint: didYouMean(
            asked,
            catalog.list('endpoint').map((endpoint) => endpoint.name),
          ),
        });
      const { items, nextCursor } = await (await environment.predictions()).list({
        endpoint: name,
        limit: flags.limit,
        ...(flags.request !== undefined && { requestId: flags.request }),
        cursor: flags.cursor,
      });
      const told = await (await environment.feedbackStore()).last(name, items, null);
      const outcomes = new Map(told.map((one) => [`${one.ordinal} ${one.requestId}`, one]));
      return {
        items: items.map(({ requestId, latencyMs, ...item }) => {
          const outcome = outcomes.get(`${item.ordinal} ${requestId}`);
          return {
            ...item,
            request_id: requestId,
            latency_ms: latencyMs,
            ...(outcome !== undefined && { outcome: outcome.outcome, outcome_at: outcome.at }),
          };
        }),
        next_cursor: nextCursor,
      };
    });
    this.result(flags, page, () =>
      [
        table(
          ['AT', 'REQUEST', 'VARIANT', 'MODEL', 'ANSWER', 'OUTCOME'],
          page.items.map((item) => [
            item.at.toISOString(),
            item.request_id,
            `${item.variant ?? '-'}${item.role === 'answer' ? '' : ` (${item.role})`}`,
            item.model === null ? '-' : `${item.model} ${item.version}`,
            item.failure ?? valueText(item.prediction),
            'outcome' in item ? valueText(item.outcome) : '',
          ]),
        ),
        ...(page.next_cursor === null ? [] : ['', `further: --cursor ${page.next_cursor}`]),
      ].join('\n'),
    );
  }
}
