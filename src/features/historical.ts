/** Training sets: a spine of entity keys and times, joined point in time with every feature of a service, recorded as an artifact. */
import { rm } from 'node:fs/promises';
import { digestOf } from '../lib/canonical.ts';
import { MlopsError } from '../lib/error.ts';
import type { TaskOf } from '../spec/canonical-specs.ts';
import type { Column } from '../spec/column.ts';
import type { Dtype } from '../spec/schema-types.ts';
import type { ArtifactStore } from '../stores/artifacts.ts';
import type { Catalog } from '../stores/control/catalog.ts';
import type { FeatureSetVersion, FeatureState } from '../stores/control/feature-state.ts';
import type { JoinedSet, OfflineStore, SplitPlan } from '../stores/offline.ts';
import { compileComputed, neededFor } from './computed-features.ts';
import { type FeatureCall, featureSetSpec, keyColumns, storedFeatures, ttlMicros, unknown } from './definitions.ts';
import { digests, locations, type Sources } from './ingest.ts';
import { parseFeature } from './online-reader.ts';
import { servingVersion } from './versions.ts';

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
}

export interface HistoricalParts {
  readonly catalog: Catalog;
  readonly offline: OfflineStore;
  readonly artifacts: ArtifactStore;
  readonly featureState: FeatureState;
  readonly sources: Sources;
}

interface Wanted {
  readonly set: string;
  readonly feature: string;
  readonly name: string;
}

const DEFAULT_TIME = 'event_time';
const DEFAULT_TEST_SHARE = 0.2;

export async function trainingDataset(
  parts: HistoricalParts,
  task: Pick<TaskOf<'training_dataset'>, 'features' | 'spine' | 'split'>,
  call: FeatureCall,
): Promise<TrainingDataset> {
  const { catalog, offline, artifacts, featureState, sources } = parts;
  const service = catalog.get('feature_service', task.features);
  if (service === undefined)
    throw unknown(
      'feature service',
      task.features,
      catalog.list('feature_service').map((resource) => resource.name),
    );
  const wanted = service.spec.features.map((name): Wanted => ({ name, ...parseFeature(name) }));
  const versions = await featureState.versions();
  const bySet = new Map(
    [...new Set(wanted.map(({ set }) => set))].map((set) => {
      const { name } = featureSetSpec(catalog, set);
      return [
        set,
        servingVersion(
          versions.filter((version) => version.set === name),
          set,
        ),
      ];
    }),
  );

  const snapshots = await sources.snapshots(await sources.readBy(task.spine), call);
  const inputs = locations(snapshots);
  const spineColumns = await offline.describeQuery(task.spine, inputs);
  const columns = columnNames(wanted, spineColumns);
  const sets: JoinedSet[] = [];
  for (const [set, version] of bySet) sets.push(await joinedSet(parts, set, version, wanted, columns));
  const split = splitPlan(task.split, [...bySet.values()]);
  const request = {
    spine: { query: task.spine, inputs, time: timeColumn(spineColumns, [...bySet.values()]) },
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
    const features = wanted.map(({ name, set, feature }) => ({
      feature: name,
      column: columns.get(name) ?? feature,
      dtype: bySet.get(set)?.structure.features[feature]?.dtype ?? 'float64',
    }));
    const digest = digestOf({
      artifact,
      spineDigest,
      features,
      featureSetVersions,
      structures,
      sources: sourceDigests,
      split: { ...split },
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

async function joinedSet(
  parts: HistoricalParts,
  set: string,
  version: FeatureSetVersion,
  wanted: readonly Wanted[],
  columns: ReadonlyMap<string, string>,
): Promise<JoinedSet> {
  const spec = featureSetSpec(parts.catalog, set);
  const { structure } = version;
  const mine = wanted.filter((feature) => feature.set === set);
  const output = mine.map(({ name, feature }) => {
    const dtype = structure.features[feature]?.dtype;
    if (dtype === undefined) {
      throw new MlopsError('FS201', {
        address: `feature_set.${set}`,
        detail: `Version ${version.version} of the feature set ${set}, which serves, has no feature ${feature}.`,
        hint: `materialize the set: mlops features materialize ${set}`,
      });
    }
    return { feature, dtype: dtype as Dtype, column: columns.get(name) ?? feature };
  });
  const { computed, reads } = neededFor(
    mine.map(({ feature }) => feature),
    compileComputed(set, structure),
  );
  const recorded = await parts.featureState.parts(set, version.version);
  return {
    address: `feature_set.${set}`,
    parts: recorded.map((part) => part.location),
    keys: keyColumns(structure),
    ttlMicros: ttlMicros(spec),
    asKnownAtSpine: structure.createdTime !== null && structure.asKnownAt !== 'now',
    stored: storedFeatures(structure).filter((feature) => reads.has(feature.name)),
    computed,
    output,
  };
}

/** A feature's own name, or `set__feature` where two features or a spine column share it; case does not tell names apart. */
function columnNames(wanted: readonly Wanted[], spine: readonly Column[]): ReadonlyMap<string, string> {
  const counts = new Map<string, number>();
  const count = (name: string): void => {
    counts.set(name.toLowerCase(), (counts.get(name.toLowerCase()) ?? 0) + 1);
  };
  for (const { name } of spine) count(name);
  for (const { feature } of wanted) count(feature);
  return new Map(
    wanted.map(({ name, set, feature }) => [
      name,
      (counts.get(feature.toLowerCase()) ?? 0) > 1 ? `${set}__${feature}` : feature,
    ]),
  );
}

/** The sets' own event-time column where they agree and the spine has it, else `event_time`. */
function timeColumn(spine: readonly Column[], versions: readonly FeatureSetVersion[]): string {
  const has = (name: string): boolean => spine.some((column) => column.name.toLowerCase() === name.toLowerCase());
  const own = new Set(versions.map((version) => version.structure.eventTime));
  const [only] = own;
  if (own.size === 1 && only !== undefined && has(only)) return only;
  if (has(DEFAULT_TIME)) return DEFAULT_TIME;
  throw new MlopsError('FS205', {
    detail: `The spine has no event time: it must yield a column ${[...own].join(' or ')}${own.has(DEFAULT_TIME) ? '' : ` or ${DEFAULT_TIME}`}.`,
    hint: `it has: ${spine.map((column) => column.name).join(', ')}`,
  });
}

function splitPlan(split: TaskOf<'training_dataset'>['split'], versions: readonly FeatureSetVersion[]): SplitPlan {
  // Where the sets describe several entities, the first set's entity stays together.
  const keys = versions[0] === undefined ? [] : keyColumns(versions[0].structure).map((key) => key.name);
  return { by: split?.by ?? 'entity', test: split?.test ?? DEFAULT_TEST_SHARE, seed: split?.seed ?? 0, keys };
}
