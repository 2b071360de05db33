/**
 * Statistics of what was materialized. A batch is of the parts that came since the statistics before, by their sequence: killed and
 * run again, a materialization counts no row twice and leaves none out. Those of the whole version are computed again while it
 * is small, and once it grew by a tenth: over its life that costs a few scans of what it holds in the end.
 */
import { MlopsError } from '../lib/error.ts';
import type { FeatureSetStructure } from '../spec/feature-set-structure.ts';
import type { Catalog } from '../stores/control/catalog.ts';
import type { FeatureQuality, FeatureStatistics } from '../stores/control/feature-quality.ts';
import type { FeatureSetVersion, FeatureState, NewPart } from '../stores/control/feature-state.ts';
import type { OfflineStore, Profiled } from '../stores/offline.ts';
import { compileComputed } from './computed-features.ts';
import { type FeatureCall, featureSetSpec, keyColumns, storedFeatures } from './definitions.ts';
import { expectationsOf } from './expectations.ts';
import { startPhase } from './materialization-progress.ts';
import { notMaterialized } from './versions.ts';

export interface StatisticsParts {
  readonly catalog: Catalog;
  readonly offline: OfflineStore;
  readonly featureState: FeatureState;
  readonly quality: FeatureQuality;
}

/** Up to so many rows the whole version is looked at each time. */
const SMALL_ROWS = 1_000_000;
const GROWN_BY = 1.1;

type Version = Pick<FeatureSetVersion, 'set' | 'version' | 'structure'>;

export interface Window {
  /** Event times, in microseconds since 1970: from (inclusive) to (exclusive); null: no limit. */
  readonly from: bigint | null;
  readonly until: bigint | null;
}

/** After a materialization, by the worker that holds its claim. `afresh`: also where nothing came since. */
export async function recordStatistics(
  parts: StatisticsParts,
  { set, version, structure }: Version,
  call: FeatureCall,
  { afresh = false }: { readonly afresh?: boolean } = {},
): Promise<void> {
  const { quality } = parts;
  const stored = await parts.featureState.parts(set, version);
  const through = stored.reduce((greatest, part) => Math.max(greatest, part.sequence), -1);
  const [batch] = await quality.statistics({ set, version, kind: 'batch', limit: 1 });
  const [whole] = await quality.statistics({ set, version, kind: 'version', limit: 1 });
  const of = { set, version, structure };
  const edges = edgesOf(whole ?? batch);
  const from = batch?.throughSequence ?? -1;
  const rows = stored.reduce((sum, part) => sum + part.rows, 0);
  const isDue =
    through > (whole?.throughSequence ?? -1) &&
    (afresh || rows <= SMALL_ROWS || whole === undefined || rows >= (whole.rows + whole.superseded) * GROWN_BY);
  const fresh = stored.filter((part) => part.sequence > from);
  if (fresh.length === 0 && !isDue) return;
  startPhase(call.progress, { featureSet: set, version, phase: 'statistics' }, null);
  const record = (kind: FeatureStatistics['kind'], found: Profiled, fromSequence: number): Promise<boolean> =>
    quality.addStatistics({ ...found, set, version, kind, fromSequence, throughSequence: through });
  let all: Profiled | undefined;
  let bins = edges;
  if (fresh.length > 0) {
    // The first batch mostly is the whole as well: then its rows are looked at once.
    if (isDue && fresh.length === stored.length)
      all = await profileParts(parts, of, stored, { current: true, edges }, call);
    const found = all?.superseded === 0 ? all : await profileParts(parts, of, fresh, { current: false, edges }, call);
    await record('batch', found, from);
    if (from === -1) bins = edgesOf(found);
  }
  if (!isDue) return;
  all ??= await profileParts(parts, of, stored, { current: true, edges: bins }, call);
  await record('version', all, -1);
}

/** Of the rows whose event time lies in a window, now; nothing is recorded. */
async function statisticsWithin(
  parts: StatisticsParts,
  of: Version,
  window: Window,
  call: FeatureCall,
): Promise<Profiled> {
  const { set, version } = of;
  const [whole] = await parts.quality.statistics({ set, version, kind: 'version', limit: 1 });
  const stored = await parts.featureState.parts(set, version);
  const within = stored.filter(
    ({ minEventTime, maxEventTime }) =>
      (window.from === null || maxEventTime >= window.from) &&
      (window.until === null || minEventTime === null || minEventTime < window.until),
  );
  return profileParts(parts, of, within, { current: true, edges: edgesOf(whole), ...window }, call);
}

async function profileParts(
  { catalog, offline }: StatisticsParts,
  { set, structure }: { readonly set: string; readonly structure: FeatureSetStructure },
  parts: readonly NewPart[],
  of: { readonly current: boolean; readonly edges: Readonly<Record<string, readonly number[]>> } & Partial<Window>,
  call: FeatureCall,
): Promise<Profiled> {
  return offline.profile(
    {
      of: {
        parts: parts.map(({ location }) => location),
        keys: keyColumns(structure),
        features: storedFeatures(structure),
        current: of.current,
        from: of.from ?? null,
        until: of.until ?? null,
      },
      computed: compileComputed(set, structure),
      expectations: expectationsOf(featureSetSpec(catalog, set), structure),
      edges: of.edges,
    },
    call.signal,
  );
}

/** Statistics that are recorded, or of a window, which are not. */
export interface SetStatistics extends Omit<FeatureStatistics, 'kind' | 'fromSequence' | 'throughSequence'> {
  readonly kind: FeatureStatistics['kind'] | 'window';
}

export interface StatisticsRequest {
  readonly kind: FeatureStatistics['kind'];
  /** Default: the newest that serves, else the newest. */
  readonly version?: number | undefined;
  readonly limit: number;
  /** Of the rows whose event time lies in it, computed now. */
  readonly window?: Window;
  /** Those of all rows are computed again where rows came since. */
  readonly afresh?: boolean;
}

/** The newest first. FS201 where there is no such set or version, FS206 where nothing of it is materialized. */
export async function setStatistics(
  parts: StatisticsParts,
  name: string,
  request: StatisticsRequest,
  call: FeatureCall,
): Promise<readonly SetStatistics[]> {
  const set = featureSetSpec(parts.catalog, name).name;
  const versions = await parts.featureState.versions(set);
  const of =
    request.version === undefined
      ? (versions.findLast(({ status }) => status === 'serving') ?? versions.at(-1))
      : versions.find(({ version }) => version === request.version);
  if (of === undefined && request.version !== undefined)
    throw new MlopsError('FS201', {
      address: `feature_set.${set}`,
      detail: `The feature set ${set} has no version ${request.version}.`,
      hint: `it has: ${versions.map(({ version }) => version).join(', ') || 'none'}`,
      status: 404,
    });
  if (of === undefined) throw notMaterialized(set);
  const { version } = of;
  if (request.window !== undefined) {
    const computedAt = await parts.featureState.now();
    return [{ ...(await statisticsWithin(parts, of, request.window, call)), set, version, kind: 'window', computedAt }];
  }
  if (request.afresh === true)
    await parts.featureState.materializing(set, version, call.signal, () =>
      recordStatistics(parts, of, call, { afresh: true }),
    );
  const found = await parts.quality.statistics({ set, version, kind: request.kind, limit: request.limit });
  if (found.length === 0) throw notMaterialized(set);
  return found;
}

/** The bins of one version stay, so that all its statistics compare. */
function edgesOf(before: Pick<FeatureStatistics, 'columns'> | undefined): Readonly<Record<string, readonly number[]>> {
  return Object.fromEntries(
    Object.entries(before?.columns ?? {}).flatMap(([name, { histogram }]) =>
      histogram === null ? [] : [[name, histogram.edges] as const],
    ),
  );
}
