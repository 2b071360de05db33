/** A source that is the log of an endpoint's predictions: that endpoint must be there. */
import { didYouMean } from '../lib/suggest.ts';
import { type Canonicalizing, report } from './lookup.ts';
import type { SourceSpec } from './schema-types.ts';

/** No dependency: a pipeline may train the model that answers from what it answered before. */
export function checkPredictions({ predictions, ...spec }: SourceSpec, into: Canonicalizing): void {
  if (predictions === undefined) return;
  if (into.lookup.get('endpoint', predictions) === undefined)
    report(into, 'SP104', '/predictions', `There is no endpoint "${predictions}".`, {
      hint: didYouMean(predictions, into.lookup.names('endpoint')),
    });
  for (const field of ['incremental', 'database'] as const)
    if (spec[field] !== undefined)
      report(into, 'SP103', `/${field}`, `"${field}" does not go with predictions, which are read as they are.`, {
        part: 'key',
      });
}
