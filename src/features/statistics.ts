/**
 * Statistics of what was materialized. A batch is of the parts that came since the statistics before, by their sequence: killed and
 * run again, a materialization counts no row twice and leaves none out. Those of the whole version are computed again while it
 * is small, and once it grew by a tenth: over its life that costs a few scans of what it holds in the end.
 */
import type { FeatureSetStructure } from '../spec/feature-set-structure.ts';
import type { Catalog } from '../stores/control/catalog.ts';
import type { FeatureQuality, FeatureStatistics } from '../stores/control/feature-quality.ts';
import type { FeatureSetVersion, FeatureState, NewPart } from '../stores/control/feature-state.ts';
import type { OfflineStore, Profiled } from '../stores/offline.ts';
import { compileComputed } from './computed-features.ts';
import { type FeatureCall, featureSetSpec, keyColumns, storedFeatures } from './definitions.ts';
import { expectationsOf } from './expectations.ts';

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

interface Window {
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
  let first: Profiled | undefined;
  if (through > from) {
    const fresh = stored.filter((part) => part.sequence > from);
    const found = await profileParts(parts, of, fresh, { current: false, edges }, call);
    if (from === -1) first = found;
    await quality.addStatistics({
      ...found,
      set,
      version,
      kind: 'batch',
      fromSequence: from,
      throughSequence: through,
    });
  }
  const rows = stored.reduce((sum, part) => sum + part.rows, 0);
  const isDue =
    through > (whole?.throughSequence ?? -1) &&
    (afresh || rows <= SMALL_ROWS || whole === undefined || rows >= (whole.rows + whole.superseded) * GROWN_BY);
  if (!isDue) return;
  const bins = first === undefined ? edges : edgesOf(first);
  const found = await profileParts(parts, of, stored, { current: true, edges: bins }, call);
  await quality.addStatistics({ ...found, set, version, kind: 'version', fromSequence: -1, throughSequence: through });
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

/** The bins of one version stay, so that all its statistics compare. */
function edgesOf(before: Pick<FeatureStatistics, 'columns'> | undefined): Readonly<Record<string, readonly number[]>> {
  return Object.fromEntries(
    Object.entries(before?.columns ?? {}).flatMap(([name, { histogram }]) =>
      histogram === null ? [] : [[name, histogram.edges] as const],
    ),
  );
}
