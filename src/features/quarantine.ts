/** Rows that are kept aside: looked at, released into their set as if they had been pushed, or let go. */
import type { QuarantinedRow } from '../stores/control/feature-quality.ts';
import type { OnlineStore } from '../stores/online.ts';
import { featureSetSpec, keyColumns } from './definitions.ts';
import { coerceKey, encodeKey } from './entity-key.ts';
import type { InsightParts } from './insight.ts';
import { typedValues } from './push-target.ts';
import { onlineTable } from './versions.ts';

interface QuarantineParts extends InsightParts {
  readonly online: OnlineStore;
}

export interface Quarantine {
  /** In the order in which they came. */
  held(of: {
    readonly set?: string;
    readonly ids?: readonly number[];
    readonly after?: number;
    readonly limit: number;
  }): Promise<readonly QuarantinedRow[]>;
  counts(set?: string): Promise<readonly { readonly set: string; readonly version: number; readonly rows: number }[]>;
  /**
   * All rows of a set, or some by their ids: recorded, served and held no more, in one transaction a few thousand at a time. Killed in
   * between and called again, it goes on. Answers how many.
   */
  release(set: string, ids?: readonly number[]): Promise<number>;
  /** Held no more, and counted nowhere. What a source still gives comes again with the next materialization. */
  discard(set: string, ids?: readonly number[]): Promise<number>;
}

const AT_ONCE = 5_000;

export function createQuarantine(parts: QuarantineParts): Quarantine {
  const { catalog, quality } = parts;
  const named = (set: string): string => featureSetSpec(catalog, set).name;

  async function each(
    set: string,
    ids: readonly number[] | undefined,
    take: (rows: readonly QuarantinedRow[]) => Promise<void>,
  ): Promise<number> {
    let count = 0;
    for (;;) {
      const rows = await quality.held({ set: named(set), ...(ids && { ids }), limit: AT_ONCE });
      if (rows.length === 0) return count;
      await take(rows);
      count += rows.length;
    }
  }

  return {
    held: ({ set, ...of }) => quality.held({ ...of, ...(set !== undefined && { set: named(set) }) }),
    counts: async (set) => {
      const name = set === undefined ? undefined : named(set);
      return (await quality.heldCounts()).filter((count) => name === undefined || count.set === name);
    },
    release: (set, ids) =>
      each(set, ids, async (rows) => {
        for (const [version, group] of byVersion(rows)) await release(parts, named(set), version, group);
      }),
    discard: (set, ids) => each(set, ids, (rows) => quality.letGo(idsOf(rows))),
  };
}

async function release(
  { featureState, quality, online }: QuarantineParts,
  set: string,
  version: number,
  rows: readonly QuarantinedRow[],
): Promise<void> {
  const found = (await featureState.versions(set)).find((candidate) => candidate.version === version);
  // A version that is gone takes its rows along.
  if (found === undefined) return quality.letGo(idsOf(rows));
  const keys = keyColumns(found.structure);
  const types = keys.map(({ type }) => type);
  const keyTypes = Object.fromEntries(keys.map(({ name, type }) => [name, type]));
  await featureState.push(
    { set: found.set, version, recorded: true, released: idsOf(rows) },
    async (released) =>
      rows
        .filter(({ id }) => released.has(id))
        .map(({ key, eventTime, createdTime, values }) => ({ key, eventTime, createdTime, values })),
    async (recorded) => {
      await online.write(
        onlineTable(found),
        recorded.map(({ sequence, key, eventTime, createdTime, values }) => ({
          key: encodeKey(types, Object.values(coerceKey(set, keyTypes, key))),
          record: { sequence, eventTime, createdTime, values: typedValues(found.structure, values) },
        })),
      );
    },
  );
}

const idsOf = (rows: readonly QuarantinedRow[]): readonly number[] => rows.map(({ id }) => id);

function byVersion(rows: readonly QuarantinedRow[]): ReadonlyMap<number, readonly QuarantinedRow[]> {
  const groups = new Map<number, QuarantinedRow[]>();
  for (const row of rows) groups.set(row.version, [...(groups.get(row.version) ?? []), row]);
  return groups;
}
