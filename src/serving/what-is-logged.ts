/** What of an endpoint's predictions is logged: a share of the requests, without features that nobody is to read later. */
import type { JsonObject } from '../lib/json.ts';
import type { LogWriter } from '../lib/log-writer.ts';
import type { PredictionLogSpec } from '../spec/schema-types.ts';
import type { NewPrediction } from '../stores/control/prediction-log.ts';
import { BUCKETS, murmur3 } from './bucket.ts';

type Row = Omit<NewPrediction, 'ageMs'>;

const utf8 = new TextEncoder();

/**
 * `specOf`: what the endpoint says of its log now; undefined: all is logged. `setNow`: what a feature set is called now: a version names its
 * features as they were called when it learned.
 */
export function withoutWhatIsNotLogged(
  writer: LogWriter<Row>,
  specOf: (endpoint: string) => PredictionLogSpec | undefined,
  setNow: (set: string) => string,
): LogWriter<Row> {
  return {
    ...writer,
    add: (row) => {
      const spec = specOf(row.endpoint);
      if (spec === undefined) return writer.add(row);
      if (!isDrawn(row.requestId, spec.share ?? 100)) return;
      writer.add(spec.exclude === undefined ? row : { ...row, features: without(row.features, spec.exclude, setNow) });
    },
  };
}

/** By the hash of the id, so that all rows of a request, its shadows and its members share one lot, on every daemon. */
function isDrawn(requestId: string, share: number): boolean {
  if (share >= 100) return true;
  return murmur3(utf8.encode(`log:${requestId}`), 0) % BUCKETS < (share * BUCKETS) / 100;
}

function without(features: JsonObject, excluded: readonly string[], setNow: (set: string) => string): JsonObject {
  const isExcluded = (name: string): boolean => {
    const dot = name.indexOf('.');
    return excluded.includes(name) || excluded.includes(`${setNow(name.slice(0, dot))}${name.slice(dot)}`);
  };
  return Object.fromEntries(Object.entries(features).filter(([name]) => !isExcluded(name)));
}
