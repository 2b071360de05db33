/** Reads for Feast's clients: in one round trip, and of a view that was never filled nothing is found. */
import type { FeatureReader } from '../../features/online-reader.ts';
import type { AlignedRow } from '../../features/online-row.ts';
import { MlopsError } from '../../lib/error.ts';
import type { Dtype } from '../../spec/schema-types.ts';
import { feastError } from './errors.ts';
import type { AskedFeature } from './request.ts';

export interface Read {
  /** Aligned with the features. */
  readonly rows: readonly AlignedRow[];
  readonly dtypes: readonly Dtype[];
}

export async function readViews(
  reader: Pick<FeatureReader, 'readAligned' | 'dtypesOf'>,
  entities: readonly Readonly<Record<string, unknown>>[],
  wanted: readonly AskedFeature[],
  who: string,
): Promise<Read> {
  const names = wanted.map(({ qualified }) => qualified);
  try {
    return { rows: await reader.readAligned(entities, names, who), dtypes: await reader.dtypesOf(names) };
  } catch (error) {
    if (!(error instanceof MlopsError)) throw error;
    if (error.code === 'FS201') throw feastError('FeastObjectNotFoundException', 404, error.detail);
    if (error.code !== 'FS206') throw error;
  }
  const views = [...new Set(wanted.map(({ view }) => view))];
  if (views.length <= 1) return nothing(entities.length, names.length);
  const parts = await Promise.all(
    views.map((view) =>
      readViews(
        reader,
        entities,
        wanted.filter((feature) => feature.view === view),
        who,
      ),
    ),
  );
  return {
    rows: entities.map((_, row) => ({
      values: parts.flatMap((part) => part.rows[row]?.values ?? []),
      statuses: parts.flatMap((part) => part.rows[row]?.statuses ?? []),
      eventTimes: parts.flatMap((part) => part.rows[row]?.eventTimes ?? []),
    })),
    dtypes: parts.flatMap((part) => part.dtypes),
  };
}

function nothing(entities: number, features: number): Read {
  const row: AlignedRow = {
    values: new Array<null>(features).fill(null),
    statuses: new Array<'not_found'>(features).fill('not_found'),
    eventTimes: new Array<null>(features).fill(null),
  };
  return { rows: new Array<AlignedRow>(entities).fill(row), dtypes: new Array<Dtype>(features).fill('string') };
}
