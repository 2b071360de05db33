/** The causes of differences, from the rows of the keys that differ and from when these became known and stood online. */
import type { FeatureSetVersion, FeatureState } from '../../stores/control/feature-state.ts';
import type { OnlineFill, PushTime } from '../../stores/control/served-history.ts';
import type { OfflineStore } from '../../stores/offline.ts';
import { compileComputed } from '../computed-features.ts';
import { type FeatureCall, keyColumns, rowPlan } from '../definitions.ts';
import { presentedValue, type Value } from '../values.ts';
import { type Cause, causeOf, type KnownRow } from './causes.ts';
import { sameValue } from './same-value.ts';

export interface Difference {
  readonly item: { readonly at: Date; readonly latencyMs: number };
  readonly asked: { readonly key: Readonly<Record<string, Value>>; readonly at: bigint };
  readonly sequence: number | null;
  readonly eventTime: bigint | null;
  readonly expired: boolean;
  readonly feature: string;
  readonly dtype: string;
  readonly served: unknown;
  readonly offline: unknown;
}

export interface Explainer {
  /** One cause each, in order. */
  explain(
    version: FeatureSetVersion,
    ttl: bigint | null,
    locations: readonly string[],
    differences: readonly Difference[],
  ): Promise<readonly Cause[]>;
}

const PENDING = 100_000;
/** Keys whose rows are held at once. */
const KEYS = 100;

export function createExplainer(
  parts: { readonly featureState: FeatureState; readonly offline: OfflineStore },
  call: FeatureCall,
): Explainer {
  const { featureState, offline } = parts;

  async function explainSome(
    version: FeatureSetVersion,
    ttl: bigint | null,
    locations: readonly string[],
    differences: readonly Difference[],
  ): Promise<readonly Cause[]> {
    const { set, structure } = version;
    const keys = keyColumns(structure);
    const idOf = (values: readonly unknown[]): string => JSON.stringify(values.map(String));
    const byKey = new Map<string, KnownRow[]>(
      differences.map(({ asked }) => [idOf(keys.map(({ name }) => asked.key[name])), []]),
    );
    const plan = rowPlan(set, structure, {});
    const asked = [...new Map(differences.map((one) => [idOf(Object.values(one.asked.key)), one.asked.key])).values()];
    const rows = offline.rows(
      {
        plan,
        parts: locations,
        after: -1,
        before: Number.MAX_SAFE_INTEGER,
        keys: asked.map((key) => keys.map(({ name }) => String(key[name]))),
      },
      call.signal,
    );
    for await (const batch of rows)
      for (const { key, ...row } of batch) byKey.get(idOf(key))?.push({ ...row, pending: false });
    for (const { key, values, ...row } of await featureState.pendingUpdates(set, version.version, PENDING))
      byKey.get(idOf(keys.map(({ name }) => key[name])))?.push({ ...row, values, pending: true });

    const cases = differences.map((difference) => {
      const all = byKey.get(idOf(keys.map(({ name }) => difference.asked.key[name]))) ?? [];
      const counting = all.filter((row) => countsAt(row, difference.asked.at, version));
      return {
        difference,
        all,
        winner: greatest(counting),
        stored: greatest(counting.filter(({ pending }) => !pending)),
      };
    });
    const sequences = cases.flatMap(({ difference, winner }) => [difference.sequence, winner?.sequence]);
    const [pushes, recorded, fills] = await Promise.all([
      featureState.pushTimes(set, [...new Set(sequences.filter((one): one is number => typeof one === 'number'))]),
      featureState.recordedAt(set, version.version),
      featureState.fills(set, version.version),
    ]);
    const computed = compileComputed(set, structure);
    const valueIn = (row: KnownRow, feature: string, dtype: string): unknown => {
      const values: Record<string, unknown> = { ...row.values };
      for (const one of computed) values[one.name] = one.evaluate(values);
      return presentedValue(dtype as Parameters<typeof presentedValue>[0], values[feature] ?? null);
    };

    return cases.map(({ difference, all, winner, stored }): Cause => {
      const { asked: at, item, feature, dtype, sequence, eventTime } = difference;
      const within = (row: KnownRow): boolean => ttl === null || row.eventTime >= at.at - ttl;
      const told = stored !== undefined && within(stored) ? valueIn(stored, feature, dtype) : null;
      if (!sameValue(dtype, jsonOf(told), difference.offline)) return 'unaccounted';
      const servedRow = all.find((row) => row.sequence === sequence && row.eventTime === eventTime);
      if (
        servedRow !== undefined &&
        !difference.expired &&
        !sameValue(dtype, difference.served, jsonOf(valueIn(servedRow, feature, dtype)))
      )
        return 'value';
      const pushOf = (one: number | null | undefined): PushTime | undefined =>
        pushes.find((push) => push.sequence === one);
      const pushedHere = (one: number | null | undefined): PushTime['to'] | null =>
        // What was pushed online alone is carried over into later versions.
        one === null || one === undefined || (one < version.pushesSince && pushOf(one)?.to !== 'online')
          ? null
          : (pushOf(one)?.to ?? null);
      const until = item.at.getTime();
      return causeOf({
        served: sequence === null || eventTime === null ? null : { sequence, eventTime },
        expired: difference.expired,
        winner: winner ?? null,
        winnerCounts: winner !== undefined && within(winner),
        servedIsKnown: servedRow !== undefined,
        from: until - item.latencyMs,
        until,
        known: winner === undefined ? null : knownSince(winner, pushOf(winner.sequence), recorded),
        winnerPushed: pushedHere(winner?.sequence),
        servedPushed: pushedHere(sequence),
        onlineSince: winner === undefined ? null : onlineSince(winner, fills),
        refilledAfter: fills.some(({ refilled, at: filled }) => refilled && filled.getTime() >= until - item.latencyMs),
      });
    });
  }

  return {
    explain: async (version, ttl, locations, differences) => {
      const causes: Cause[] = [];
      for (let from = 0; from < differences.length; from += KEYS)
        causes.push(...(await explainSome(version, ttl, locations, differences.slice(from, from + KEYS))));
      return causes;
    },
  };
}

/** Through JSON, as what was logged and what the offline store answers. */
function jsonOf(value: unknown): unknown {
  return typeof value === 'bigint' ? String(value) : value instanceof Float32Array ? Array.from(value) : value;
}

/** The point-in-time rule, but for the ttl. */
function countsAt(row: KnownRow, at: bigint, { structure }: FeatureSetVersion): boolean {
  if (row.eventTime > at) return false;
  if (structure.createdTime === null || structure.asKnownAt === 'now') return true;
  return row.createdTime !== null && row.createdTime <= at;
}

function greatest(rows: readonly KnownRow[]): KnownRow | undefined {
  return rows.reduce<KnownRow | undefined>(
    (best, row) => (best === undefined || isAfter(row, best) ? row : best),
    undefined,
  );
}

function isAfter(a: KnownRow, b: KnownRow): boolean {
  if (a.eventTime !== b.eventTime) return a.eventTime > b.eventTime;
  if (a.createdTime !== b.createdTime)
    return b.createdTime === null || (a.createdTime !== null && a.createdTime > b.createdTime);
  return a.sequence >= b.sequence;
}

function knownSince(
  row: KnownRow,
  push: PushTime | undefined,
  recorded: ReadonlyMap<number, Date>,
): { readonly from: number; readonly until: number } | null {
  if (push !== undefined) return { from: push.from.getTime(), until: push.until.getTime() };
  const at = recorded.get(row.sequence)?.getTime();
  return at === undefined ? null : { from: at, until: at };
}

function onlineSince(row: KnownRow, fills: readonly OnlineFill[]): number | null {
  const visible = row.createdTime !== null && row.createdTime > row.eventTime ? row.createdTime : row.eventTime;
  return (
    fills.find(({ sequence, visibleAt }) => sequence >= row.sequence && visibleAt >= visible)?.at.getTime() ?? null
  );
}
