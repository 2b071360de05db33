/** What an endpoint says of its log: the features that it excludes are those of its models, and outcomes find their predictions. */
import { didYouMean } from '../lib/suggest.ts';
import { durationMs } from '../lib/units.ts';
import { pointerTo } from './locator.ts';
import { type Canonicalizing, report } from './lookup.ts';
import type { EndpointSpec } from './schema-types.ts';

/** `models`: those that the endpoint names. */
export function checkLog(
  { log, feedback }: Pick<EndpointSpec, 'log' | 'feedback'>,
  models: readonly string[],
  into: Canonicalizing,
): void {
  if (log?.keep !== undefined && feedback?.within !== undefined && durationMs(log.keep) < durationMs(feedback.within))
    report(
      into,
      'SP103',
      '/log/keep',
      `Outcomes are taken for ${feedback.within}, but predictions are kept for ${log.keep}: those told later would find none.`,
      { hint: `keep: ${feedback.within}` },
    );
  const services = models.map((model) => into.lookup.get('model', model)?.inputs);
  const known = new Set(
    services.flatMap((service) =>
      service === undefined ? [] : (into.lookup.get('feature_service', service)?.features ?? []),
    ),
  );
  // A model without inputs has features that only its versions name.
  if (services.some((service) => service === undefined || into.lookup.get('feature_service', service) === undefined))
    return;
  for (const [at, feature] of (log?.exclude ?? []).entries()) {
    if (known.has(feature)) continue;
    report(into, 'SP104', pointerTo('/log/exclude', String(at)), `No model of the endpoint reads "${feature}".`, {
      hint: didYouMean(feature, known),
    });
  }
}
