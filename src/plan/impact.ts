/**
 * Whom a change touches and what it costs: what lies below it, the endpoints that would notice, and the rows that have to be
 * computed again, from what was measured. What was not measured is null, and the basis says what is missing.
 */
import { type Address, parseAddress } from '../spec/address.ts';
import type { AnyResource } from '../spec/project.ts';
import type { FeatureSetFacts, PlanFacts } from '../stores/control/facts.ts';
import type { AnyRecordedResource } from '../stores/control/state.ts';
import type { Affected } from './affected.ts';
import { listed } from './analyzers/analyzer.ts';
import type { AffectedEndpoint, ChangeClass, Impact } from './change.ts';
import type { Lineage } from './downstream.ts';
import { readersOf } from './online-readers.ts';

export interface ImpactContext {
  readonly desired: ReadonlyMap<Address, AnyResource>;
  readonly recorded: ReadonlyMap<Address, AnyRecordedResource>;
  readonly lineage: Lineage;
  readonly facts: PlanFacts;
}

/** What the change of a recorded resource does to what lies below it. `touched`: features whose answers change, not their stored values. */
export function impactOf(
  address: Address,
  found: ChangeClass,
  affected: Affected,
  touched: readonly string[],
  context: ImpactContext,
): Impact {
  const { lineage, facts } = context;
  const downstream = affected.byFeature
    ? lineage.downstreamOf(address, affected.features)
    : lineage.downstream(address);
  // An endpoint that changes gravely is noticed by whoever asks it.
  const noticed = found === 'safe' ? downstream : [address, ...downstream];
  return {
    downstream,
    features: affected.features,
    endpoints: noticed.flatMap((other) => endpointAt(other, context)),
    readers: readersOf([...affected.features, ...touched], facts),
    ...costOf(affected.recomputed, facts),
  };
}

function endpointAt(address: Address, { desired, recorded, facts }: ImpactContext): readonly AffectedEndpoint[] {
  const resource = desired.get(address) ?? recorded.get(address);
  if (resource?.kind !== 'endpoint') return [];
  // Of those that were counted one that is not named was not asked.
  const requests = facts.requestsPerDay === undefined ? null : (facts.requestsPerDay.get(resource.name) ?? 0);
  return [{ address, owner: resource.spec.owner ?? null, requestsPerDay: requests }];
}

export type Cost = Pick<Impact, 'rows' | 'days' | 'bytes' | 'estimatedSeconds' | 'basis'>;

/** Known to be none. */
const NOTHING: Cost = { rows: 0, days: 0, bytes: 0, estimatedSeconds: 0, basis: null };

const DAY_MICROS = 86_400_000_000;

/** What it takes to compute the rows of these feature sets again. */
export function costOf(sets: readonly Address[], facts: PlanFacts): Cost {
  if (sets.length === 0) return NOTHING;
  const known = sets.map((set) => facts.featureSets?.get(parseAddress(set)?.name ?? ''));
  const sum = (of: (set: FeatureSetFacts) => number | null): number | null =>
    known.reduce<number | null>((total, set) => {
      const one = set === undefined ? null : of(set);
      return total === null || one === null ? null : total + one;
    }, 0);
  return {
    rows: sum(({ rows }) => rows),
    days: daysOf(known),
    bytes: sum(({ bytes }) => bytes),
    estimatedSeconds: sum(secondsOf),
    basis: basisOf(sets, known),
  };
}

function secondsOf({ rows, lastMaterialization }: FeatureSetFacts): number | null {
  const speed = lastMaterialization === null ? null : rowsPerSecond(lastMaterialization);
  return speed === null || speed === 0 ? null : Math.round((rows / speed) * 1000) / 1000;
}

/** Null where nothing was computed that tells how fast. */
function rowsPerSecond({ rows, seconds }: { readonly rows: number; readonly seconds: number }): number | null {
  return rows === 0 ? null : rows / Math.max(seconds, 0.001);
}

/** Whole days of event time, both ends counted. */
function daysOf(known: readonly (FeatureSetFacts | undefined)[]): number | null {
  let [first, last]: [bigint | null, bigint | null] = [null, null];
  for (const set of known) {
    if (set === undefined || set.firstEventTime === null || set.lastEventTime === null) return null;
    if (first === null || set.firstEventTime < first) first = set.firstEventTime;
    if (last === null || set.lastEventTime > last) last = set.lastEventTime;
  }
  return first === null || last === null ? null : Math.max(1, Math.ceil(Number(last - first) / DAY_MICROS));
}

function basisOf(sets: readonly Address[], known: readonly (FeatureSetFacts | undefined)[]): string {
  const missing = sets.filter((_, index) => known[index] === undefined);
  if (missing.length > 0) return `no rows of ${listed(missing)} are known`;
  const unmeasured = sets.filter((_, index) => {
    const measured = known[index]?.lastMaterialization ?? null;
    return measured === null || rowsPerSecond(measured) === null;
  });
  const [only] = known;
  if (sets.length > 1 || only === undefined) {
    const speed =
      unmeasured.length === 0 ? 'each at its speed last measured' : `no speed of ${listed(unmeasured)} was measured`;
    return `as many rows as they have now; ${speed}`;
  }
  const rows = `as many rows as version ${only.version} has`;
  const measured = only.lastMaterialization;
  const speed = measured === null ? null : rowsPerSecond(measured);
  if (measured === null || speed === null) return `${rows}; no speed was measured yet`;
  const day = measured.endedAt.toISOString().slice(0, 10);
  return `${rows}; last measured ${counted(speed)} rows/s on ${day}`;
}

/** With the digits that mean something. */
function counted(value: number): string {
  return Number(value.toPrecision(2)).toLocaleString('en-US');
}
