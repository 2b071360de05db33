/** Training sets: a spine of entity keys and times, joined point in time with every feature of a service, recorded as an artifact. */
import { rm } from 'node:fs/promises';
import { digestOf } from '../lib/canonical.ts';
import type { JsonObject } from '../lib/json.ts';
import type { TaskOf } from '../spec/canonical-specs.ts';
import type { ArtifactStore } from '../stores/artifacts.ts';
import type { Catalog } from '../stores/control/catalog.ts';
import type { FeatureSetVersion, FeatureState, RecordedSnapshot } from '../stores/control/feature-state.ts';
import type { OfflineStore, SplitPlan } from '../stores/offline.ts';
import type { ColumnFigures } from '../stores/profile.ts';
import { type FeatureCall, keyColumns } from './definitions.ts';
import { digests, locations, type Sources } from './ingest.ts';
import { featuresOf, joinOf, outputsOf, type WantedFeatures, wantedFeatures } from './point-in-time.ts';
import { recipeSet, type TrainingRecipe } from './training-recipe.ts';

/** A recorded, immutable training set: a Parquet artifact with the spine's columns, the features and `__split` (train, test). */
export interface TrainingDataset {
  /** SHA-256 over what it was made from and what it holds. */
  readonly digest: string;
  /** SHA-256 of the Parquet file in the artifact store. */
  readonly artifact: string;
  readonly rows: number;
  readonly trainRows: number;
  readonly testRows: number;
  readonly service: string;
  /** Feature columns as `set.feature`, in the service's order, with the column that holds each in the file. */
  readonly features: readonly { readonly feature: string; readonly column: string; readonly dtype: string }[];
  readonly spineDigest: string;
  readonly featureSetVersions: Readonly<Record<string, number>>;
  /** Source name → digest of the snapshot. */
  readonly sources: Readonly<Record<string, string>>;
  /** Figures of each column; all statistics are kept under the digest. */
  readonly statistics?: Readonly<Record<string, ColumnFigures>>;
}

export interface HistoricalParts {
  readonly catalog: Catalog;
  readonly offline: OfflineStore;
  readonly artifacts: ArtifactStore;
  readonly featureState: FeatureState;
  readonly sources: Sources;
}

const DEFAULT_TEST_SHARE = 0.2;

export async function trainingDataset(
  parts: HistoricalParts,
  task: Pick<TaskOf<'training_dataset'>, 'features' | 'spine' | 'split'>,
  call: FeatureCall,
): Promise<TrainingDataset> {
  const { catalog, sources } = parts;
  const wanted = await wantedFeatures(parts, featuresOf(catalog, task.features));
  return sources.reading(`training set of ${task.features}`, await sources.readBy(task.spine), call, (snapshots) =>
    makeOf(parts, task, wanted, snapshots, call),
  );
}

async function makeOf(
  parts: HistoricalParts,
  task: Pick<TaskOf<'training_dataset'>, 'features' | 'spine' | 'split'>,
  wanted: WantedFeatures,
  snapshots: readonly RecordedSnapshot[],
  call: FeatureCall,
): Promise<TrainingDataset> {
  const { offline, artifacts } = parts;
  const bySet = wanted.versions;
  const inputs = locations(snapshots);
  const spineColumns = await offline.describeQuery(task.spine, inputs);
  const { sets, from, columns, time } = await joinOf(parts, wanted, spineColumns);
  const split = splitPlan(task.split, [...bySet.values()]);
  const request = {
    spine: { query: task.spine, inputs, time },
    sets,
    columns: [...columns.values()],
    split,
  };
  const joined = await offline.join(request, call.signal);
  try {
    const { digest: artifact } = await artifacts.putFile(joined.path);
    const featureSetVersions = Object.fromEntries([...bySet].map(([set, version]) => [set, version.version]));
    const structures = Object.fromEntries([...bySet].map(([set, version]) => [set, version.digest]));
    const sourceDigests = {
      ...Object.assign({}, ...[...bySet.values()].map((version) => version.inputs ?? {})),
      ...digests(snapshots),
    } as Record<string, string>;
    const spineDigest = digestOf({ query: task.spine, sources: digests(snapshots) });
    const features = outputsOf(wanted, columns);
    const made = {
      spineDigest,
      features,
      featureSetVersions,
      structures,
      sources: sourceDigests,
      split: { ...split },
    };
    const digest = digestOf({ ...made, artifact });
    const used = [...bySet.values()];
    const recipe: TrainingRecipe = {
      format: 1,
      service: task.features,
      spine: { query: task.spine, time, inputs, sources: digests(snapshots) },
      sets: from.map((set, at) => recipeSet(set, used[at] ?? unreachable())),
      columns: request.columns,
      split,
      made,
    };
    await parts.featureState.addTrainingSet({
      digest,
      artifact,
      rows: joined.rows,
      recipe: { ...recipe } as unknown as JsonObject,
      madeBy: call.by ?? 'mlops',
      parts: recipe.sets.flatMap(({ storage, version, parts: locations }) =>
        locations.map((location) => ({ storage, version, location })),
      ),
      snapshots: Object.values(inputs),
    });
    call.log(
      `${task.features}: ${joined.rows} rows (${joined.trainRows} train, ${joined.testRows} test), ${features.length} features, ${digest.slice(0, 12)}`,
    );
    const { rows, trainRows, testRows } = joined;
    return {
      digest,
      artifact,
      rows,
      trainRows,
      testRows,
      service: task.features,
      features,
      spineDigest,
      featureSetVersions,
      sources: sourceDigests,
    };
  } finally {
    await rm(joined.path, { force: true });
  }
}

function unreachable(): never {
  throw new Error('each set of a join is of one version');
}

function splitPlan(split: TaskOf<'training_dataset'>['split'], versions: readonly FeatureSetVersion[]): SplitPlan {
  // Where the sets describe several entities, the first set's entity stays together.
  const keys = versions[0] === undefined ? [] : keyColumns(versions[0].structure).map((key) => key.name);
  return { by: split?.by ?? 'entity', test: split?.test ?? DEFAULT_TEST_SHARE, seed: split?.seed ?? 0, keys };
}
