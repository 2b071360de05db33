/**
 * What was pushed to a set before a version of it was registered: carried over from the version that served then, as far as
 * keys and columns allow. The rows keep their order of ingestion, so that a part that is there says how far it went.
 */
import { canonicallyEqual } from '../lib/canonical.ts';
import type { FeatureSetStructure } from '../spec/feature-set-structure.ts';
import type { FeatureSetVersion, FeatureState, MaterializationClaim } from '../stores/control/feature-state.ts';
import type { OfflineStore } from '../stores/offline.ts';
import type { LatestRow, PushedRow, RowPlan } from '../stores/offline-rows.ts';
import { type FeatureCall, isPushed, keyColumns, rowPlan, storedFeatures } from './definitions.ts';
import { folderOf } from './versions.ts';

interface CarryParts {
  readonly featureState: FeatureState;
  readonly offline: OfflineStore;
  readonly chunkRows: number;
}

/** How many rows were carried over. Nothing to do once the version serves. */
export async function carryOver(
  parts: CarryParts,
  claim: MaterializationClaim,
  working: FeatureSetVersion,
  plan: RowPlan,
  call: FeatureCall,
): Promise<number> {
  const { featureState, offline, chunkRows } = parts;
  const { set, version, pushesSince } = working;
  if (pushesSince === 0) return 0;
  // As it is under the claim: another worker may have filled it meanwhile, and retired the version that it was carried over from.
  const versions = await featureState.versions(set);
  if (versions.find((one) => one.version === version)?.status !== 'registered') return 0;
  const donor = donorOf(versions, working);
  if (donor === undefined) return 0;
  const given = (await featureState.parts(set, donor.version)).filter(
    ({ pushed }) => pushed ?? isPushed(donor.structure),
  );
  if (given.length === 0) return 0;
  const names = carried(donor.structure, working.structure);
  if (typeof names === 'string') {
    call.log(`${set}@${version}: what was pushed to version ${donor.version} stays there: ${names}`);
    return 0;
  }
  const done = (await featureState.parts(set, version)).reduce(
    (last, part) => (part.pushed === true && part.sequence < pushesSince ? Math.max(last, part.sequence) : last),
    -1,
  );
  const rows = offline.rows(
    {
      plan: rowPlan(set, donor.structure, {}),
      parts: given.map(({ location }) => location),
      after: done,
      before: pushesSince,
    },
    call.signal,
  );
  let count = 0;
  let chunk: PushedRow[] = [];
  const write = async (): Promise<void> => {
    const last = chunk.at(-1);
    if (last === undefined) return;
    const part = await offline.writePushed(plan, chunk, folderOf(working), call.signal);
    await claim.commitPart({ ...part, sequence: last.sequence, pushed: true });
    count += chunk.length;
    chunk = [];
  };
  const keys = keyColumns(donor.structure).map(({ name }) => name);
  for await (const batch of rows) {
    for (const row of batch) chunk.push(pushedRow(row, keys, names, working.structure));
    if (chunk.length >= chunkRows) await write();
  }
  await write();
  call.log(`${set}@${version}: ${count} pushed rows carried over from version ${donor.version}`);
  return count;
}

/** The version that served all reads until now, and got every push. */
export function donorOf(
  versions: readonly FeatureSetVersion[],
  working: FeatureSetVersion,
): FeatureSetVersion | undefined {
  return versions.findLast(({ version, status }) => status === 'serving' && version !== working.version);
}

/** Names of the features whose values can go from one version to the other; a text says why no row can. */
export function carried(from: FeatureSetStructure, to: FeatureSetStructure): ReadonlySet<string> | string {
  if (!canonicallyEqual(from.keys, to.keys)) return 'the keys changed';
  if (to.createdTime !== null && from.createdTime === null) return 'when its rows became known was not recorded';
  const before = new Map(storedFeatures(from).map(({ name, dtype }) => [name, dtype]));
  const names = storedFeatures(to).flatMap(({ name, dtype }) => (before.get(name) === dtype ? [name] : []));
  return names.length === 0 ? 'no feature of it is left as it was' : new Set(names);
}

function pushedRow(
  { key, eventTime, createdTime, sequence, values }: LatestRow,
  keys: readonly string[],
  names: ReadonlySet<string>,
  to: FeatureSetStructure,
): PushedRow {
  return {
    sequence,
    key: Object.fromEntries(keys.map((name, at) => [name, key[at]])),
    eventTime,
    createdTime: to.createdTime === null ? null : createdTime,
    values: Object.fromEntries(
      storedFeatures(to).map(({ name }) => [name, names.has(name) ? (values[name] ?? null) : null]),
    ),
  };
}
