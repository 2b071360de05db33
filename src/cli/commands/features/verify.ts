import { option, string } from '@oclif/core/flags';
import { SERVED } from '../../../compose/views.ts';
import { MlopsError } from '../../../lib/error.ts';
import { parseInstant } from '../../../lib/instant.ts';
import { durationMs } from '../../../lib/units.ts';
import { BaseCommand } from '../../base-command.ts';
import { table, valueText } from '../../output.ts';
import { inEnvironment } from '../../session.ts';

export default class FeaturesVerify extends BaseCommand {
  static override summary =
    'Replays predictions and online answers against the offline store and says why values differ. Exit code 1 where nothing explains one.';
  static override args = {};
  static override flags = {
    of: option({ options: SERVED, description: 'Only these. Default: both.' })(),
    endpoint: string({ description: 'Only predictions of this endpoint.' }),
    since: string({ description: 'Only from then on: a duration before now (24h, 7d) or a time, ISO 8601.' }),
    sample: string({ description: 'The share of them to look at, above 0 to 1. Default 1.' }),
  };

  async run(): Promise<void> {
    const { flags } = await this.parse(FeaturesVerify);
    const request = {
      of: flags.of,
      endpoint: flags.endpoint?.replace(/^endpoint\./, ''),
      since: flags.since === undefined ? undefined : sinceOf(flags.since, Date.now()),
      sample: flags.sample === undefined ? undefined : shareOf(flags.sample),
    };
    const report = await inEnvironment(this, flags, async (environment) =>
      environment.verify(request, {
        signal: this.interruption.signal,
        log: (line) => this.note(`  ${line}`),
      }),
    );
    this.result(flags, report, () =>
      [
        `${report.predictions} predictions and ${report.answers} answers, ${report.values} values read online: ${report.equal} equal, ${report.values - report.equal} differ, ${report.unexplained} of them unexplained`,
        ...(report.given > 0 ? [`${report.given} values came with the requests`] : []),
        ...(report.unrecorded > 0
          ? [`${report.unrecorded} predictions were logged before it was recorded what they read`]
          : []),
        ...(report.causes.length === 0
          ? []
          : [
              '',
              table(
                ['CAUSE', 'VALUES', '', 'FOR EXAMPLE'],
                report.causes.map(({ cause, values, means, explained, example }) => [
                  explained ? cause : `${cause} (unexplained)`,
                  String(values),
                  means,
                  `${example.feature}@${example.version} of ${JSON.stringify(example.entity)}: ${valueText(example.served)} served, ${valueText(example.offline)} offline`,
                ]),
              ),
            ]),
      ].join('\n'),
    );
    if (report.unexplained > 0) {
      throw new MlopsError('FS224', {
        detail: `${report.unexplained} of ${report.values} values that were served differ from the offline store, and nothing that is recorded explains it.`,
        hint: 'mlops features materialize SET --repair looks at what is stored and fills it again',
      });
    }
  }
}

function sinceOf(text: string, nowMs: number): Date {
  const at = parseInstant(text);
  if (at !== undefined) return at;
  if (/^\d+(ms|s|m|h|d|w)$/.test(text)) return new Date(nowMs - durationMs(text));
  throw new MlopsError('CL101', {
    detail: `"${text}" is no time and no duration.`,
    hint: 'write 24h, 7d or 2026-01-31T12:00:00Z',
  });
}

function shareOf(text: string): number {
  const share = Number(text);
  if (share > 0 && share <= 1) return share;
  throw new MlopsError('CL101', { detail: `"${text}" is no share.`, hint: 'write a number above 0 and up to 1' });
}
