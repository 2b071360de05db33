/** What a prediction was made from, for its log: so that it can be told later why a value was what it was. */
import type { JsonObject } from '../lib/json.ts';
import type { OnlineRow } from './feature-reader.ts';

/** `names` as the model has them, `reads` as they were read, in one order. `given` came with the request, `defaults` had no value. */
export function loggedReads(
  names: readonly string[],
  reads: readonly string[],
  { given, defaults }: { readonly given: ReadonlySet<string>; readonly defaults: ReadonlySet<string> },
  online: OnlineRow | undefined,
): JsonObject {
  const sets: Record<string, JsonObject> = {};
  const features = new Map<string, string[]>();
  for (const [at, name] of names.entries()) {
    if (given.has(name)) continue;
    const read = reads[at] ?? name;
    const set = read.slice(0, read.indexOf('.'));
    const known = features.get(set);
    const feature = name.slice(name.indexOf('.') + 1);
    if (known === undefined) features.set(set, [feature]);
    else known.push(feature);
  }
  for (const [set, origin] of Object.entries(online?.origins ?? {})) {
    const { version, record, expired } = origin;
    sets[set] = {
      version,
      features: features.get(set) ?? [],
      ...(record !== null && { sequence: record.sequence, event_time: record.eventTime }),
      ...(expired && { expired }),
    };
  }
  return {
    ...(online?.at !== undefined && { at: online.at }),
    sets,
    ...(given.size > 0 && { given: [...given] }),
    ...(defaults.size > 0 && { defaults: [...defaults] }),
  };
}
