/** What several models need of the same rows, read in one round trip; each is then answered from it as if it had read alone. */
import type { FeatureReader, OnlineRead } from './feature-reader.ts';
import type { LoadedModel } from './loaded-model.ts';
import type { RequestRow, Values } from './predict-request.ts';

/** Reads when the first of them asks, and once. */
export function jointReader(
  models: readonly Pick<LoadedModel, 'reads'>[],
  rows: readonly RequestRow[],
  features: FeatureReader,
): FeatureReader {
  const all = [...new Set(models.flatMap(({ reads }) => reads))];
  const placeOf = new Map(all.map((feature, place) => [feature, place]));
  const entities = rows.flatMap(({ entity }) => (entity === undefined ? [] : [entity]));
  const rowOf = new Map(entities.map((entity, row): [Values, number] => [entity, row]));
  let read: OnlineRead | Promise<OnlineRead> | undefined;
  const part = (
    { at, sets, rows: found, origins }: OnlineRead,
    asked: readonly Values[],
    wanted: readonly string[],
  ): OnlineRead => {
    const places = wanted.map((feature) => placeOf.get(feature)!);
    const needed = new Set(wanted.map((feature) => feature.slice(0, feature.indexOf('.'))));
    const kept = sets.flatMap((set, place) => (needed.has(set) ? [place] : []));
    const rowsAsked = asked.map((entity) => rowOf.get(entity)!);
    return {
      at,
      sets: kept.map((place) => sets[place]!),
      rows: rowsAsked.map((row) => ({
        values: places.map((place) => found[row]!.values[place]),
        statuses: places.map((place) => found[row]!.statuses[place]!),
      })),
      origins: rowsAsked.map((row) => kept.map((place) => origins[row]![place]!)),
    };
  };
  return {
    readTraced: (asked, wanted, reader) => {
      read ??= features.readTraced(entities, all, reader);
      return read instanceof Promise ? read.then((done) => part(done, asked, wanted)) : part(read, asked, wanted);
    },
  };
}
