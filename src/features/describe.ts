/** Feature sets as people and the HTTP interface see them: what is applied beside what is materialized. */
import type { CanonicalFeatureSet } from '../spec/canonical-specs.ts';
import type { Catalog } from '../stores/control/catalog.ts';
import type { FeatureSetVersion, FeatureState, VersionStatus } from '../stores/control/feature-state.ts';
import type { VersionAsked, VersionReader } from '../stores/control/version-lives.ts';
import { entitySpec, featureSetSpec } from './definitions.ts';
import { formatTimestamp } from './time.ts';
import { type Timeliness, timelinessOf } from './timeliness.ts';

export interface FeatureSetDescription {
  readonly name: string;
  readonly entity: string;
  readonly keys: Readonly<Record<string, string>>;
  readonly description: string | null;
  readonly owner: string | null;
  readonly ttl: string | null;
  /** Whether its own schedule is kept; null where it has none. */
  readonly schedule: Timeliness | null;
  /** Its rows come by push alone. */
  readonly push: boolean;
  readonly features: CanonicalFeatureSet['features'];
  /** The version that reads use; null before the first materialization. */
  readonly servingVersion: number | null;
  readonly versions: readonly {
    readonly version: number;
    readonly status: VersionStatus;
    /** Its features, computed ones too. */
    readonly features: readonly string[];
    readonly rows: number;
    /** Greatest event time materialized, ISO 8601 UTC. */
    readonly watermark: string | null;
    readonly registeredAt: Date;
    readonly servingSince: Date | null;
    /** Versions of models that are asked with it; such without a lineage, and whoever asks for no version, read `servingVersion`. */
    readonly readers: readonly Omit<VersionReader, 'set' | 'version'>[];
    /** Clients that asked for it by its number within the last week, though a newer one serves. */
    readonly askedBy: readonly Omit<VersionAsked, 'set' | 'version'>[];
    readonly keptUntil: Date | null;
    readonly retiredAt: Date | null;
    readonly retiredWhy: string | null;
  }[];
}

export async function listFeatureSets(
  catalog: Catalog,
  featureState: FeatureState,
): Promise<readonly FeatureSetDescription[]> {
  const sets = catalog.list('feature_set').map(({ spec }) => spec);
  const [versions, readers, asked, timeliness] = await Promise.all([
    featureState.versions(),
    featureState.readers(),
    featureState.asked(),
    timelinessOf(sets, featureState),
  ]);
  return sets.map((spec) =>
    describe(
      catalog,
      spec,
      versions.filter((version) => version.set === spec.name),
      readers.filter((reader) => reader.set === spec.name),
      asked.filter((one) => one.set === spec.name),
      timeliness.get(spec.name) ?? null,
    ),
  );
}

/** FS201 where nothing of that name is applied. */
export async function describeFeatureSet(
  catalog: Catalog,
  featureState: FeatureState,
  name: string,
): Promise<FeatureSetDescription> {
  const spec = featureSetSpec(catalog, name);
  const [versions, readers, asked, timeliness] = await Promise.all([
    featureState.versions(name),
    featureState.readers(name),
    featureState.asked(name),
    timelinessOf([spec], featureState),
  ]);
  return describe(catalog, spec, versions, readers, asked, timeliness.get(spec.name) ?? null);
}

function describe(
  catalog: Catalog,
  spec: CanonicalFeatureSet,
  versions: readonly FeatureSetVersion[],
  readers: readonly VersionReader[],
  asked: readonly VersionAsked[],
  schedule: Timeliness | null,
): FeatureSetDescription {
  return {
    name: spec.name,
    entity: spec.entity,
    keys: entitySpec(catalog, spec.entity).keys,
    description: spec.description ?? null,
    owner: spec.owner ?? null,
    ttl: spec.ttl ?? null,
    schedule,
    push: spec.push === true,
    features: spec.features,
    servingVersion: versions.filter((version) => version.status === 'serving').at(-1)?.version ?? null,
    versions: versions.map(({ version, status, structure, rows, eventWatermark, ...times }) => ({
      version,
      status,
      features: Object.keys(structure.features),
      rows,
      watermark: eventWatermark === null ? null : formatTimestamp(eventWatermark),
      registeredAt: times.registeredAt,
      servingSince: times.servingSince,
      readers: readers
        .filter((reader) => reader.version === version)
        .map(({ model, modelVersion, as }) => ({ model, modelVersion, as })),
      askedBy: asked.filter((one) => one.version === version).map(({ reader, lastAt }) => ({ reader, lastAt })),
      keptUntil: times.keptUntil,
      retiredAt: times.retiredAt,
      retiredWhy: times.retiredWhy,
    })),
  };
}
