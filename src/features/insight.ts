/** What is known of feature sets beyond what they are: quality, freshness, use, where features come from and who reads them. */
import { decodeLineage } from '../spec/column-lineage.ts';
import { operandsOf } from '../spec/feature-lineage.ts';
import type { Catalog } from '../stores/control/catalog.ts';
import type {
  FeatureCheck,
  FeatureQuality,
  FeatureReads,
  FeatureStatistics,
} from '../stores/control/feature-quality.ts';
import type { FeatureSetVersion, FeatureState } from '../stores/control/feature-state.ts';
import { featureSetSpec } from './definitions.ts';
import { type Freshness, freshnessOf, type Quality, qualityOf } from './quality.ts';
import { microsOf } from './time.ts';
import { type Timeliness, timelinessOf } from './timeliness.ts';

export interface FeatureUse {
  /** `endpoint:mortality`, `key:ci`, `training:mortality_inputs`, … */
  readonly reader: string;
  readonly reads: number;
  readonly entities: number;
  readonly firstAt: Date;
  readonly lastAt: Date;
}

export interface FeatureInsight {
  readonly name: string;
  /** Source columns as `source.column`; null where it cannot be told: it may be any. */
  readonly sources: readonly string[] | null;
  /** Features of the set that its expression reads. */
  readonly reads: readonly string[];
  /** Addresses of what reads it, by declaration: services, models, endpoints, pipelines, and features computed from it. */
  readonly readBy: readonly string[];
  /** Who did read it. */
  readonly use: readonly FeatureUse[];
  readonly lastReadAt: Date | null;
}

export interface SetInsight {
  readonly set: string;
  /** The version that the figures are of: the newest that serves, else the newest. Null where there is none. */
  readonly version: number | null;
  readonly quality: Quality;
  readonly freshness: Freshness;
  /** Whether the set's own schedule is kept; null where it has none. */
  readonly schedule: Timeliness | null;
  /** When its newest rows came in. */
  readonly ingestedAt: Date | null;
  readonly quarantined: number;
  /** The newest check of a materialization. */
  readonly check: FeatureCheck | null;
  /** When the statistics that the quality is of were computed. */
  readonly statisticsAt: Date | null;
  readonly features: readonly FeatureInsight[];
}

export interface InsightParts {
  readonly catalog: Catalog;
  readonly featureState: FeatureState;
  readonly quality: FeatureQuality;
}

interface Known {
  readonly versions: readonly FeatureSetVersion[];
  readonly statistics: readonly FeatureStatistics[];
  readonly checks: readonly FeatureCheck[];
  readonly held: readonly { readonly set: string; readonly version: number; readonly rows: number }[];
  readonly ingested: readonly { readonly set: string; readonly version: number; readonly at: Date }[];
  readonly reads: readonly FeatureReads[];
  readonly now: bigint;
  readonly timeliness: ReadonlyMap<string, Timeliness>;
}

/** Of every applied set, or of one; FS201 where there is none of that name. */
export async function insights(parts: InsightParts, name?: string): Promise<readonly SetInsight[]> {
  const { catalog, quality, featureState } = parts;
  const sets =
    name === undefined
      ? catalog.list('feature_set').map((resource) => resource.name)
      : [featureSetSpec(catalog, name).name];
  const [versions, statistics, checks, held, ingested, reads, timeliness, now] = await Promise.all([
    featureState.versions(name),
    quality.statistics({ kind: 'version', limit: 1 }),
    quality.checks({ limit: 1 }),
    quality.heldCounts(),
    quality.newestIngestions(),
    quality.reads(name),
    timelinessOf(
      sets.map((set) => featureSetSpec(catalog, set)),
      featureState,
    ),
    featureState.now(),
  ]);
  const known = { versions, statistics, checks, held, ingested, reads, timeliness, now: microsOf(now) };
  return sets.map((set) => insightOf(catalog, set, known));
}

function insightOf(catalog: Catalog, set: string, known: Known): SetInsight {
  const spec = featureSetSpec(catalog, set);
  const own = known.versions.filter((version) => version.set === set);
  const version = own.filter(({ status }) => status === 'serving').at(-1) ?? own.at(-1);
  const of = <T extends { readonly set: string; readonly version: number }>(rows: readonly T[]): T | undefined =>
    rows.find((row) => row.set === set && row.version === version?.version);
  const statistics = of(known.statistics);
  const check = of(known.checks);
  const held = of(known.held)?.rows ?? 0;
  const freshness = freshnessOf(spec, version?.eventWatermark ?? null, known.now);
  return {
    set,
    version: version?.version ?? null,
    quality: qualityOf({ statistics, check, held, freshness }),
    freshness,
    schedule: known.timeliness.get(set) ?? null,
    ingestedAt: of(known.ingested)?.at ?? null,
    quarantined: held,
    check: check ?? null,
    statisticsAt: statistics?.computedAt ?? null,
    features: featureInsights(
      catalog,
      set,
      known.reads.filter((read) => read.set === set),
    ),
  };
}

function featureInsights(catalog: Catalog, set: string, reads: readonly FeatureReads[]): readonly FeatureInsight[] {
  const { spec, outputs } = catalog.get('feature_set', set) ?? {};
  const lineage = decodeLineage(outputs?.['lineage']);
  const features = Object.entries(spec?.features ?? {});
  const names = features.map(([name]) => name);
  const operands = new Map(
    features.map(([name, { expr }]) => [name, expr === undefined ? [] : operandsOf(expr, names)] as const),
  );
  return names.map((name) => {
    const use = useOf(reads.filter(({ feature }) => feature === name));
    return {
      name,
      sources: lineage?.[name]?.map(({ source, column }) => `${source}.${column}`) ?? null,
      reads: operands.get(name) ?? [],
      readBy: [
        ...names.filter((other) => operands.get(other)?.includes(name)).map((other) => `feature_set.${set}.${other}`),
        ...readersOf(catalog, set, name),
      ],
      use,
      lastReadAt: use.reduce<Date | null>((last, { lastAt }) => (last === null || lastAt > last ? lastAt : last), null),
    };
  });
}

/** By reader, over all versions; who read last comes first. */
function useOf(reads: readonly FeatureReads[]): readonly FeatureUse[] {
  const byReader = new Map<string, FeatureUse>();
  for (const { reader, reads: count, entities, firstAt, lastAt } of reads) {
    const known = byReader.get(reader);
    byReader.set(reader, {
      reader,
      reads: (known?.reads ?? 0) + count,
      entities: (known?.entities ?? 0) + entities,
      firstAt: known === undefined || firstAt < known.firstAt ? firstAt : known.firstAt,
      lastAt: known === undefined || lastAt > known.lastAt ? lastAt : known.lastAt,
    });
  }
  return [...byReader.values()].sort((a, b) => b.lastAt.getTime() - a.lastAt.getTime());
}

/** By declaration, from near to far. */
function readersOf(catalog: Catalog, set: string, feature: string): readonly string[] {
  const services = catalog
    .list('feature_service')
    .filter(({ spec }) => spec.features.includes(`${set}.${feature}`))
    .map(({ name }) => name);
  const models = catalog
    .list('model')
    .filter(({ spec }) => spec.inputs !== undefined && services.includes(spec.inputs))
    .map(({ name }) => name);
  const endpoints = catalog
    .list('endpoint')
    .filter(({ dependsOn }) => models.some((model) => dependsOn.includes(`model.${model}`)))
    .map(({ name }) => name);
  const pipelines = catalog
    .list('pipeline')
    .filter(({ dependsOn }) => services.some((service) => dependsOn.includes(`feature_service.${service}`)))
    .map(({ name }) => name);
  return [
    ...services.map((name) => `feature_service.${name}`),
    ...models.map((name) => `model.${name}`),
    ...endpoints.map((name) => `endpoint.${name}`),
    ...pipelines.map((name) => `pipeline.${name}`),
  ];
}
