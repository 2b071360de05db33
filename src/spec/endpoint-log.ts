/** What an endpoint says of its log must name features of its models. */
import { didYouMean } from '../lib/suggest.ts';
import { pointerTo } from './locator.ts';
import { type Canonicalizing, report } from './lookup.ts';
import type { EndpointSpec } from './schema-types.ts';

/** `models`: those that the endpoint names. */
export function checkLog({ log }: Pick<EndpointSpec, 'log'>, models: readonly string[], into: Canonicalizing): void {
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
