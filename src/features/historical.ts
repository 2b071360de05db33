/** Training sets: a spine of entity keys and times, joined point in time with every feature of a service, recorded as an artifact. */
import { rm } from 'node:fs/promises';
import { digestOf } from '../lib/canonical.ts';
import type { JsonObject } from '../lib/json.ts';
import type { TaskOf } from '../spec/canonical-specs.ts';
import type { ArtifactStore } from '../stores/artifacts.ts';
import type { Catalog } from '../stores/control/catalog.ts';
import type { FeatureSetVersion, FeatureState, RecordedSnapshot } from '../stores/control/feature-state.ts';
import type { OfflineStore } from '../stores/offline.ts';
import type { SplitPlan } from '../stores/offline-join.ts';
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

type Asked = Pick<TaskOf<'training_dataset'>, 'features' | 'spine' | 'split'>;
type Prepared = Awaited<ReturnType<typeof recipeOf>>;

export async function trainingDataset(
  parts: HistoricalParts,
  task: Asked,
  call: FeatureCall,
): Promise<TrainingDataset> {
  return prepared(parts, task, call, (ready) => makeOf(parts, task, ready, call));
}

/** SHA-256 over the recipe. Where a snapshot lies does not count, its content does; parts never change where they are. */
export async function readsOfTraining(parts: HistoricalParts, task: Asked, call: FeatureCall): Promise<string> {
  return prepared(parts, task, call, async ({ recipe }) => {
    const { inputs: _, ...spine } = recipe.spine;
    return digestOf({ ...recipe, spine });
  });
}

async function prepared<T>(
  parts: HistoricalParts,
  task: Asked,
  call: FeatureCall,
  body: (ready: Prepared) => Promise<T>,
): Promise<T> {
  const { catalog, sources } = parts;
  const wanted = await wantedFeatures(parts, featuresOf(catalog, task.features));
  return sources.reading(
    `training set of ${task.features}`,
    await sources.readBy(task.spine),
    call,
    async (snapshots) => body(await recipeOf(parts, task, wanted, snapshots)),
  );
}

/** All that a training set is made from: the same makes the same bytes. */
async function recipeOf(
  parts: HistoricalParts,
  task: Asked,
  wanted: WantedFeatures,
  snapshots: readonly RecordedSnapshot[],
) {
  const bySet = wanted.versions;
  const inputs = locations(snapshots);
  const spineColumns = await parts.offline.describeQuery(task.spine, inputs);
  const { sets, from, columns, time } = await joinOf(parts, wanted, spineColumns);
  const split = splitPlan(task.split, [...bySet.values()]);
  const featureSetVersions = Object.fromEntries([...bySet].map(([set, version]) => [set, version.version]));
  const structures = Object.fromEntries([...bySet].map(([set, version]) => [set, version.digest]));
  const sourceDigests = {
    ...Object.assign({}, ...[...bySet.values()].map((version) => version.inputs ?? {})),
    ...digests(snapshots),
  } as Record<string, string>;
  const spineDigest = digestOf({ query: task.spine, sources: digests(snapshots) });
  const features = outputsOf(wanted, columns);
  const made = { spineDigest, features, featureSetVersions, structures, sources: sourceDigests, split: { ...split } };
  const used = [...bySet.values()];
  const recipe: TrainingRecipe = {
    format: 1,
    service: task.features,
    spine: { query: task.spine, time, inputs, sources: digests(snapshots) },
    sets: from.map((set, at) => recipeSet(set, used[at] ?? unreachable())),
    columns: [...columns.values()],
    split,
    made,
  };
  const request = { spine: { query: task.spine, inputs, time }, sets, columns: recipe.columns, split };
  return { recipe, request, made };
}

async function makeOf(
  parts: HistoricalParts,
  task: Asked,
  { recipe, request, made }: Prepared,
  call: FeatureCall,
): Promise<TrainingDataset> {
  const { offline, artifacts } = parts;
  const joined = await offline.join(request, call.signal);
  try {
    const { digest: artifact } = await artifacts.putFile(joined.path);
    const digest = digestOf({ ...made, artifact });
    await parts.featureState.addTrainingSet({
      digest,
      artifact,
      rows: joined.rows,
      recipe: { ...recipe } as unknown as JsonObject,
      madeBy: call.by ?? 'mlops',
      parts: recipe.sets.flatMap(({ storage, version, parts: locations }) =>
        locations.map((location) => ({ storage, version, location })),
      ),
      snapshots: Object.values(recipe.spine.inputs),
    });
    const { rows, trainRows, testRows } = joined;
    const { features, spineDigest, featureSetVersions, sources } = made;
    call.log(
      `${task.features}: ${rows} rows (${trainRows} train, ${testRows} test), ${features.length} features, ${digest.slice(0, 12)}`,
    );
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
      sources,
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
