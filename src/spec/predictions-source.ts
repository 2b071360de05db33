/** A source that is the log of an endpoint's predictions: that endpoint must be there. */
import { type Canonicalizing, refer, report } from './lookup.ts';
import type { SourceSpec } from './schema-types.ts';

/** It orders nothing: a pipeline may train the model that answers from what it answered before. */
export function checkPredictions({ predictions, ...spec }: SourceSpec, into: Canonicalizing): void {
  if (predictions === undefined) return;
  refer(into, 'endpoint', predictions, '/predictions', true);
  for (const field of ['incremental', 'database'] as const)
    if (spec[field] !== undefined)
      report(into, 'SP103', `/${field}`, `"${field}" does not go with predictions, which are read as they are.`, {
        part: 'key',
      });
}
