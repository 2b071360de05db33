import { string } from '@oclif/core/flags';
import { BaseCommand } from '../base-command.ts';
import { keyValues, scalarLike } from '../key-values.ts';
import { table, valueText } from '../output.ts';
import { inEnvironment } from '../session.ts';
import { word } from '../word.ts';

export default class Predict extends BaseCommand {
  static override summary = 'Ask an endpoint about one entity, from its features as of now. Needs no daemon.';
  static override args = { endpoint: word({ description: 'Name of the endpoint.', required: true }) };
  static override flags = {
    entity: string({ description: 'NAME=VALUE of a key. May be repeated.', multiple: true, required: true }),
    input: string({
      description: 'FEATURE=VALUE in the place of a feature. May be repeated.',
      multiple: true,
      default: [],
    }),
  };

  async run(): Promise<void> {
    const { args, flags } = await this.parse(Predict);
    const entity = keyValues(flags.entity, '--entity');
    const inputs = Object.fromEntries(
      Object.entries(keyValues(flags.input, '--input')).map(([name, text]) => [name, scalarLike(text, undefined)]),
    );
    const answer = await inEnvironment(this, flags, async (environment) =>
      (await environment.serving()).predict(args.endpoint.replace(/^endpoint\./, ''), {
        entities: [entity],
        ...(flags.input.length > 0 && { inputs: [inputs] }),
      }),
    );
    this.result(flags, answer, () =>
      [
        ...Object.entries(answer.predictions[0] ?? {}).map(([name, value]) => `${name.padEnd(12)} ${valueText(value)}`),
        `${'model'.padEnd(12)} ${answer.model === null ? `${answer.members?.[0]?.length ?? 0} together` : `${answer.model.name} version ${answer.model.version}`} (variant ${answer.variant})`,
        ...(answer.members?.[0] ?? []).map(({ member, model, prediction, failure }) => {
          const who = model === null ? '' : ` (${model.name} version ${model.version})`;
          const said =
            prediction === null ? `no answer: ${failure}` : Object.values(prediction).map(valueText).join(' ');
          return `${`  ${member}`.padEnd(12)} ${said}${who}`;
        }),
        `${'request'.padEnd(12)} ${answer.request_id}`,
        '',
        table(
          ['FEATURE', 'VALUE'],
          Object.entries(answer.features[0] ?? {}).map(([name, value]) => [name, valueText(value)]),
        ),
      ].join('\n'),
    );
  }
}
