import { string } from '@oclif/core/flags';
import type { OpenEnvironment } from '../../../compose.ts';
import { BaseCommand } from '../../base-command.ts';
import { keyValues } from '../../key-values.ts';
import { instant, table, valueText } from '../../output.ts';
import { inEnvironment } from '../../session.ts';
import { word } from '../../word.ts';

export default class FeaturesGet extends BaseCommand {
  static override summary = 'Features of one entity as of now, from the online store.';
  static override args = {
    set: word({ description: 'A feature set, or set.feature; set@2 for a version.', required: true }),
  };
  static override flags = {
    entity: string({ description: 'NAME=VALUE of a key. May be repeated.', multiple: true, required: true }),
  };

  async run(): Promise<void> {
    const { args, flags } = await this.parse(FeaturesGet);
    const entity = keyValues(flags.entity, '--entity');
    const row = await inEnvironment(this, flags, async (environment) => {
      const features = await environment.features();
      const asked = args.set.replace(/^feature_set\./, '');
      const names = asked.includes('.') ? [asked] : await namesOf(features, asked);
      const [found] = await features.reader.read([entity], names, `cli:${environment.who}`);
      return found;
    });
    if (row === undefined) return;
    this.result(
      flags,
      { entity: row.entity, features: row.features, status: row.status, event_time: row.eventTime },
      () =>
        table(
          ['FEATURE', 'VALUE', 'STATUS', 'EVENT TIME (UTC)'],
          Object.entries(row.features).map(([name, value]) => [
            name,
            valueText(value),
            row.status[name] ?? '-',
            instant(row.eventTime[name]),
          ]),
        ),
    );
  }
}

/** Every feature of a set, or of one of its versions. */
async function namesOf(features: Awaited<ReturnType<OpenEnvironment['features']>>, asked: string): Promise<string[]> {
  const [set = asked, number] = asked.split('@');
  const found = await features.describe(set);
  const version = found.versions.find((one) => String(one.version) === number);
  return (version?.features ?? Object.keys(found.features)).map((name) => `${asked}.${name}`);
}
