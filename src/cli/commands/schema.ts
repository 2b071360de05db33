import { MlopsError } from '../../lib/error.ts';
import { didYouMean } from '../../lib/suggest.ts';
import { KINDS } from '../../spec/kinds.ts';
import { type SchemaName, schemaOf } from '../../spec/schemas.ts';
import { BaseCommand } from '../base-command.ts';
import { word } from '../word.ts';

const NAMES: readonly (SchemaName | 'common' | 'plan')[] = [...KINDS, 'project', 'common', 'plan'];

export default class Schema extends BaseCommand {
  static override summary = 'The JSON Schema of a kind, of the project file or of a plan, or the list of them.';
  static override args = { kind: word({ description: NAMES.join(', ') }) };
  static override flags = {};

  async run(): Promise<void> {
    const { args, flags } = await this.parse(Schema);
    if (args.kind === undefined) {
      this.result(flags, { schemas: NAMES }, () => NAMES.join('\n'));
      return;
    }
    const asked = args.kind.replace(/([a-z])([A-Z])/g, '$1_$2').toLowerCase();
    const name = NAMES.find((candidate) => candidate === asked);
    if (name === undefined) {
      throw new MlopsError('SP111', { detail: `There is no kind "${args.kind}".`, hint: didYouMean(asked, NAMES) });
    }
    this.print(JSON.stringify(schemaOf(name), null, 2));
  }
}
