/**
 * What was pushed to the online store alone, into a version before it: such rows stand nowhere else. Before a new version serves they are copied
 * into it, as far as keys and columns allow, each as a push of its event time would have been: newer rows win, and what it
 * does not carry keeps the value that the new version has of that time.
 */
import type { FeatureSetVersion, FeatureState } from '../stores/control/feature-state.ts';
import type { SequenceRange } from '../stores/control/served-history.ts';
import type { OnlineRecord, OnlineStore } from '../stores/online.ts';
import { carried, donorOf } from './carry-over.ts';
import type { FeatureCall } from './definitions.ts';
import { storedFeatures } from './definitions.ts';
import { onlineTable } from './versions.ts';

/** How many were copied. Nothing to do once the version serves. */
export async function carryOnline(
  { featureState, online }: { readonly featureState: FeatureState; readonly online: OnlineStore },
  working: FeatureSetVersion,
  call: FeatureCall,
): Promise<number> {
  const { set, version, pushesSince, structure } = working;
  const versions = await featureState.versions(set);
  if (versions.find((one) => one.version === version)?.status !== 'registered') return 0;
  const donor = donorOf(versions, working);
  if (donor === undefined) return 0;
  const ranges = await featureState.onlineOnly(set, pushesSince);
  if (ranges.length === 0) return 0;
  const names = carried(donor.structure, structure);
  if (typeof names === 'string') {
    call.log(
      `${set}@${version}: what was pushed online only to version ${donor.version} is not carried over: ${names}`,
    );
    return 0;
  }
  // Of the same second, and no push.
  const computed = new Set(
    (await featureState.parts(set, donor.version)).flatMap(({ sequence, pushed }) =>
      pushed === true ? [] : [sequence],
    ),
  );
  const all = storedFeatures(structure).map(({ name }) => name);
  const table = onlineTable(working);
  let count = 0;
  for await (const batch of online.scan(onlineTable(donor))) {
    call.signal.throwIfAborted();
    const pushed = batch.filter(({ record }) => !computed.has(record.sequence) && isIn(ranges, record.sequence));
    if (pushed.length === 0) continue;
    const [there = []] = await online.read([{ table, keys: pushed.map(({ key }) => key) }]);
    const records = pushed.map(({ key, record }, at) => ({
      key,
      record: merged(record, there[at], names, all, structure.createdTime !== null),
    }));
    count += await online.write(table, records);
  }
  if (count > 0)
    call.log(
      `${set}@${version}: ${count} rows that were pushed online only carried over from version ${donor.version}`,
    );
  return count;
}

function merged(
  record: OnlineRecord,
  there: OnlineRecord | undefined,
  names: ReadonlySet<string>,
  all: readonly string[],
  hasCreatedTime: boolean,
): OnlineRecord {
  const before = there !== undefined && there.eventTime <= record.eventTime ? there.values : {};
  return {
    eventTime: record.eventTime,
    createdTime: hasCreatedTime ? record.createdTime : null,
    sequence: record.sequence,
    values: Object.fromEntries(all.map((name) => [name, (names.has(name) ? record.values : before)[name] ?? null])),
  };
}

/** `ranges` are in order and do not overlap. */
function isIn(ranges: readonly SequenceRange[], sequence: number): boolean {
  let [low, high] = [0, ranges.length - 1];
  while (low <= high) {
    const middle = (low + high) >> 1;
    const range = ranges[middle];
    if (range === undefined) return false;
    if (sequence < range.first) high = middle - 1;
    else if (sequence > range.last) low = middle + 1;
    else return true;
  }
  return false;
}
