/** Statistics of a training set: all that a monitor compares with later, by its digest; and in its own record the figures alone. */
import { MlopsError } from '../lib/error.ts';
import type { Dtype } from '../spec/schema-types.ts';
import type { ArtifactStore } from '../stores/artifacts.ts';
import type { DatasetStatistics, FeatureQuality } from '../stores/control/feature-quality.ts';
import type { OfflineStore } from '../stores/offline.ts';
import type { ColumnFigures } from '../stores/profile.ts';
import type { FeatureCall } from './definitions.ts';
import type { TrainingDataset } from './historical.ts';

interface DatasetParts {
  readonly offline: OfflineStore;
  readonly artifacts: ArtifactStore;
  readonly quality: FeatureQuality;
}

/** Of every column but the one that says which rows are for the test. Recorded once: a training set never changes. */
export async function recordDatasetStatistics(
  { offline, artifacts, quality }: DatasetParts,
  made: TrainingDataset,
  call: FeatureCall,
): Promise<Readonly<Record<string, ColumnFigures>>> {
  const known = await quality.datasetStatistics(made.digest);
  if (known !== undefined) return figuresOf(known.columns);
  const { rows, columns } = await offline.profile(
    {
      of: {
        path: await artifacts.localPath(made.artifact),
        dtypes: Object.fromEntries(made.features.map(({ column, dtype }) => [column, dtype as Dtype])),
        leftOut: ['__split'],
      },
      computed: [],
      expectations: [],
      edges: {},
    },
    call.signal,
  );
  await quality.addDatasetStatistics({ digest: made.digest, rows, columns });
  return figuresOf(columns);
}

/** FS201 where no training set of that digest was recorded with statistics. */
export async function datasetStatistics(quality: FeatureQuality, digest: string): Promise<DatasetStatistics> {
  const found = await quality.datasetStatistics(digest);
  if (found !== undefined) return found;
  throw new MlopsError('FS201', {
    detail: `There are no statistics of a training set ${JSON.stringify(digest)}.`,
    hint: 'the digest of a training set stands among the outputs of its task: mlops runs show RUN',
    status: 404,
  });
}

function figuresOf(columns: DatasetStatistics['columns']): Readonly<Record<string, ColumnFigures>> {
  return Object.fromEntries(
    Object.entries(columns).map(([name, { count, nulls, distinct, min, max, mean, sd }]) => [
      name,
      { count, nulls, distinct, min, max, mean, sd },
    ]),
  );
}
