/** What a version of a model learned from, as its lineage says: each feature set with its version. */
import { isJsonObject, type JsonObject } from '../../lib/json.ts';

/** By the name that the set had then. Empty where the lineage does not tell: a version that was registered over HTTP. */
export function learnedVersions(lineage: JsonObject): ReadonlyMap<string, number> {
  const { dataset } = lineage;
  const versions = isJsonObject(dataset) ? dataset['feature_set_versions'] : undefined;
  if (!isJsonObject(versions)) return new Map();
  return new Map(
    Object.entries(versions).filter(
      (entry): entry is [string, number] => Number.isInteger(entry[1]) && (entry[1] as number) > 0,
    ),
  );
}
