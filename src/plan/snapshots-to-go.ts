/** Snapshots of sources that will be deleted by themselves: those that nothing needs, and those of sources that this plan destroys. */
import { durationMs } from '../lib/units.ts';
import { DEFAULT_KEEP_SNAPSHOTS } from '../spec/environment.ts';
import type { SnapshotsSpec } from '../spec/schema-types.ts';
import type { PlanFacts } from '../stores/control/facts.ts';
import { isNoOp } from './action.ts';
import type { Change } from './change.ts';

export interface SnapshotOutlook {
  /** `snapshots.keep` of the environment: how long one stays once nothing needs it. */
  readonly keep: string;
  /** By source. */
  readonly goes: readonly SnapshotsToGo[];
}

export interface SnapshotsToGo {
  readonly source: string;
  readonly snapshots: number;
  readonly bytes: number;
  /** When the first of them is deleted, ISO 8601 UTC, unless something needs it until then; null: so long after this plan is applied. */
  readonly from: string | null;
}

/** Null where it is not known. */
export function snapshotsToGo(
  changes: readonly Change[],
  { sourceSnapshots }: Pick<PlanFacts, 'sourceSnapshots'>,
  spec: SnapshotsSpec | undefined,
): SnapshotOutlook | null {
  if (sourceSnapshots === undefined) return null;
  const keep = spec?.keep ?? DEFAULT_KEEP_SNAPSHOTS;
  const destroyed = new Set(
    changes
      .filter(({ kind, after, actions }) => kind === 'source' && after === null && !isNoOp(actions))
      .map(({ name }) => name),
  );
  const goes = [...sourceSnapshots].flatMap(([source, { all, unneeded }]): readonly SnapshotsToGo[] => {
    const idle: readonly SnapshotsToGo[] =
      unneeded === null
        ? []
        : [
            {
              source,
              snapshots: unneeded.snapshots,
              bytes: unneeded.bytes,
              from: new Date(unneeded.since.getTime() + durationMs(keep)).toISOString(),
            },
          ];
    if (!destroyed.has(source)) return idle;
    const rest = all.snapshots - (unneeded?.snapshots ?? 0);
    const bytes = all.bytes - (unneeded?.bytes ?? 0);
    return rest === 0 ? idle : [...idle, { source, snapshots: rest, bytes, from: null }];
  });
  return { keep, goes: goes.sort((a, b) => (a.source < b.source ? -1 : a.source > b.source ? 1 : 0)) };
}
