/**
 * Materialization of a feature set: its newest version, then every older one that lives, each from its own structure. What an
 * older one fails with is told and stops nothing; then versions that nothing reads any more are retired.
 */
import { MlopsError } from '../lib/error.ts';
import { sourcesBelow } from '../stores/control/catalog.ts';
import type { FeatureSetVersion } from '../stores/control/feature-state.ts';
import { donorOf } from './carry-over.ts';
import { type FeatureCall, isPushed, rowPlan, sourceSpec } from './definitions.ts';
import { livesOf, readersOf } from './live-versions.ts';
import {
  drainPushed,
  type MaterializeOptions,
  type MaterializeParts,
  materializeVersion,
  type VersionReport,
} from './materialize.ts';
import { retireUnread } from './retire.ts';
import { folderOf, workingVersion } from './versions.ts';

export interface OlderVersionReport extends Omit<VersionReport, 'featureSet'> {
  /** Why it is not up to date; null where it is. */
  readonly error: { readonly code: string; readonly detail: string } | null;
}

export interface MaterializationReport extends VersionReport {
  /** Older versions that are still read. */
  readonly older: readonly OlderVersionReport[];
  /** Versions that nothing reads any more. */
  readonly retired: readonly number[];
}

export interface MaterializeSetOptions extends MaterializeOptions {
  /** Only this version; a retired one is brought back. */
  readonly version?: number | undefined;
}

/** How long a version that was brought back is kept for whoever is to read it. */
const KEPT_MS = 24 * 60 * 60 * 1000;

export async function materializeSet(
  parts: MaterializeParts,
  set: string,
  call: FeatureCall,
  { version, results, ...options }: MaterializeSetOptions = {},
): Promise<MaterializationReport> {
  if (version !== undefined) {
    const asked = await broughtBack(parts, set, version, call);
    await ingestOwn(parts, asked, call);
    return { ...(await filled(parts, asked, call, options)), older: [], retired: [] };
  }
  const working = await workingVersion(parts.catalog, parts.featureState, set);
  const [newest] = await Promise.allSettled([filled(parts, working, call, { ...options, results })]);
  call.signal.throwIfAborted();
  const older: OlderVersionReport[] = [];
  for (const one of await olderOnes(parts, working)) {
    call.signal.throwIfAborted();
    older.push(await broughtUpToDate(parts, one, call, options));
  }
  if (newest.status === 'rejected') throw newest.reason;
  return { ...newest.value, older, retired: await retireUnread(parts, working.set, call) };
}

async function olderOnes(parts: MaterializeParts, working: FeatureSetVersion): Promise<readonly FeatureSetVersion[]> {
  const { featureState } = parts;
  const versions = await featureState.versions(working.set);
  const { live } = livesOf(versions, await readersOf(featureState, working.set), await featureState.now());
  return live.filter(({ version }) => version < working.version);
}

async function broughtUpToDate(
  parts: MaterializeParts,
  one: FeatureSetVersion,
  call: FeatureCall,
  options: MaterializeOptions,
): Promise<OlderVersionReport> {
  const { set, version } = one;
  try {
    await ingestOwn(parts, one, call);
    const { featureSet: _, ...report } = await filled(parts, one, call, options);
    return { ...report, error: null };
  } catch (cause) {
    call.signal.throwIfAborted();
    const why =
      cause instanceof MlopsError
        ? `${cause.code}: ${cause.detail}`
        : cause instanceof Error
          ? cause.message
          : String(cause);
    const error = {
      code: 'FS221',
      detail: `Version ${version} of the feature set ${set}, which is still read, could not be brought up to date. ${why}`,
    };
    call.log(`warning ${error.code}: ${error.detail}`);
    return { version, rowsRead: 0, rowsWritten: 0, onlineWritten: 0, quarantined: 0, watermark: null, error };
  }
}

/** Sources that the set itself reads are ingested before it is materialized; those that only an older version reads, with it. */
async function ingestOwn(parts: MaterializeParts, one: FeatureSetVersion, call: FeatureCall): Promise<void> {
  const { catalog, sources } = parts;
  const { structure, set } = one;
  if (structure.source !== null) sourceSpec(catalog, structure.source);
  const reads =
    structure.source === null
      ? structure.query === null
        ? []
        : await sources.readBy(structure.query, `feature_set.${set}`)
      : [structure.source];
  const applied = catalog.get('feature_set', set);
  const others = new Set(applied === undefined ? [] : sourcesBelow(catalog, applied));
  const own = sourcesBelow(catalog, { dependsOn: reads.map((name) => `source.${name}` as const) });
  for (const source of own) if (!others.has(source)) await sources.ingest(source, call);
}

/** What was pushed to the version before is in its parts by the time that a new one carries it over. */
async function filled(
  parts: MaterializeParts,
  working: FeatureSetVersion,
  call: FeatureCall,
  options: MaterializeOptions,
): Promise<VersionReport> {
  const donor =
    working.status === 'registered' && working.pushesSince > 0
      ? donorOf(await parts.featureState.versions(working.set), working)
      : undefined;
  if (donor !== undefined)
    await parts.featureState.materializing(donor.set, donor.version, call.signal, (claim) =>
      drainPushed(parts, claim, rowPlan(donor.set, donor.structure, {}), folderOf(donor), call),
    );
  return materializeVersion(parts, working, call, options);
}

async function broughtBack(
  { featureState }: MaterializeParts,
  set: string,
  version: number,
  call: FeatureCall,
): Promise<FeatureSetVersion> {
  const find = async (): Promise<FeatureSetVersion | undefined> =>
    (await featureState.versions(set)).find((candidate) => candidate.version === version);
  const found = await find();
  if (found?.status === 'retired') {
    await featureState.revive(set, version, KEPT_MS);
    call.log(
      `${set}@${version}: brought back; ${isPushed(found.structure) ? 'it takes what the newest version holds of it' : 'it is filled from its sources'}, and stays for a day unless something reads it`,
    );
  }
  const there = found?.status === 'retired' ? await find() : found;
  if (there !== undefined) return there;
  const known = (await featureState.versions(set)).map((one) => one.version);
  throw new MlopsError('FS201', {
    address: `feature_set.${set}`,
    detail: `The feature set ${set} has no version ${version}.`,
    hint: known.length === 0 ? undefined : `it has: ${known.join(', ')}`,
    status: 404,
  });
}
