import { custom, string } from '@oclif/core/flags';
import { resultsView, sinceOf } from '../../../compose/views.ts';
import { systemClock } from '../../../lib/clock.ts';
import { MlopsError } from '../../../lib/error.ts';
import { BaseCommand } from '../../base-command.ts';
import { resultsText } from '../../results-view.ts';
import { inEnvironment } from '../../session.ts';
import { word } from '../../word.ts';

/** CL101 for what is no number between the two. */
const numberBetween = (low: number, high: number) =>
  custom<number>({
    parse: async (input) => {
      const value = Number(input);
      if (value > low && value < high) return value;
      const hint = high === Number.POSITIVE_INFINITY ? `a number above ${low}` : `a number between ${low} and ${high}`;
      throw new MlopsError('CL101', { detail: `"${input}" does not do.`, hint });
    },
  });

export default class EndpointsResults extends BaseCommand {
  static override summary =
    'What the variants of an endpoint measured beside each other, and whether the difference is shown.';
  static override args = { endpoint: word({ description: 'Name of the endpoint.', required: true }) };
  static override flags = {
    since: string({
      description: 'A time, or how long ago: 2026-01-31, 12h. Default: since the open rollout began, else 7d.',
    }),
    until: string({ description: 'Likewise. Default: now.' }),
    metric: string({ description: 'Only this metric. Default: all that are known.' }),
    baseline: string({
      description: 'The variant to compare with. Default: that of the rollout, else the one with the largest share.',
    }),
    alpha: numberBetween(0, 0.5)({ description: 'How often a test may be wrong. Default 0.05.' }),
    power: numberBetween(0.5, 1)({ description: 'How often an effect is to be seen. Default 0.8.' }),
    effect: numberBetween(
      0,
      Number.POSITIVE_INFINITY,
    )({
      description: 'The least difference that is worth seeing. Default: a twentieth of what the baseline has.',
    }),
  };

  async run(): Promise<void> {
    const { args, flags } = await this.parse(EndpointsResults);
    const { since, until, metric, baseline, alpha, power, effect } = flags;
    const now = systemClock.now();
    const results = await inEnvironment(this, flags, async (environment) =>
      (await environment.results()).of(
        args.endpoint.replace(/^endpoint\./, ''),
        {
          ...(since !== undefined && { since: sinceOf(since, now) }),
          ...(until !== undefined && { until: sinceOf(until, now) }),
          ...(alpha !== undefined && { alpha }),
          ...(power !== undefined && { power }),
          ...{ metric, baseline, effect },
        },
        this.interruption.signal,
      ),
    );
    this.result(flags, resultsView(results), () => resultsText(results));
  }
}
