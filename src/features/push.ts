/**
 * Rows that clients push: recorded first in the control store (a later materialization puts them into the offline store),
 * written online in the same breath; or only the one, or only the other. An update older than what is stored never wins.
 * Every version of the set that can take the rows gets them, all in one.
 */
import type { Clock } from '../lib/clock.ts';
import { MlopsError } from '../lib/error.ts';
import type { FeatureSetStructure } from '../spec/feature-set-structure.ts';
import type { Catalog } from '../stores/control/catalog.ts';
import type { FeatureQuality } from '../stores/control/feature-quality.ts';
import type { FeatureSetVersion, FeatureState } from '../stores/control/feature-state.ts';
import type { OnlineStore } from '../stores/online.ts';
import { featureSetSpec, ttlMicros } from './definitions.ts';
import { createPushJudge } from './judge-push.ts';
import { type FeatureUpdate, type PushTargetVersion, pushTarget } from './push-target.ts';
import { servingVersion } from './versions.ts';

/**
 * `online`: served at once, and never trained on. `offline`: recorded, and with the next materialization trained on and, where
 * it is the newest of its key, served.
 */
export const PUSH_TARGETS = ['online', 'offline', 'online_and_offline'] as const;
export type PushTarget = (typeof PUSH_TARGETS)[number];

export interface PushOptions<Row> {
  /** Default: both. */
  readonly to?: PushTarget;
  /** What each of the rows says, of a version of this structure. Its errors count as the row's. */
  readonly read: (structure: FeatureSetStructure) => (row: Row) => FeatureUpdate;
}

export interface PushParts {
  readonly catalog: Catalog;
  readonly online: OnlineStore;
  readonly featureState: FeatureState;
  readonly quality: FeatureQuality;
  readonly clock: Clock;
}

export interface PushReport {
  /** Of the rows: served now to whoever names no version, also where the same row was served before. */
  readonly applied: number;
  /** Of the rows: kept aside because they break an expectation. */
  readonly quarantined: number;
  /** Those that took the rows, where it is more than the one that serves. */
  readonly versions?: readonly number[];
}

/** Registrations and retirements beside a push are rare. */
const ATTEMPTS = 20;

/**
 * All or none are recorded, but for those that are kept aside; what is wrong with any of them is told of all at once. FS203 (422)
 * where one breaks an expectation that fails.
 */
export async function push<Row>(
  parts: PushParts,
  set: string,
  rows: readonly Row[],
  { to = 'online_and_offline', read }: PushOptions<Row>,
): Promise<PushReport> {
  for (let attempt = 1; ; attempt += 1) {
    const versions = await parts.featureState.versions(set);
    if (versions.length === 0) featureSetSpec(parts.catalog, set);
    const there = versions.filter(({ status }) => status === 'registered' || status === 'serving');
    const spec = parts.catalog.get('feature_set', set)?.spec;
    const ttl = spec === undefined ? null : ttlMicros(spec);
    const targets = targetsOf(there, pushedVersion(versions, set), (version, others) =>
      pushTarget(parts.online, version, rows, read, {
        others,
        ttl,
        judge: createPushJudge(version.set, spec, version.structure),
      }),
    );
    const first = targets[0].version;
    let applied = 0;
    const done = await parts.featureState.push(
      {
        set: first.set,
        version: first.version,
        recorded: to !== 'online',
        served: to !== 'offline',
        there: there.map(({ version }) => version),
      },
      async () => {
        const now = parts.clock.now();
        return (await Promise.all(targets.map((target) => target.complete(now)))).flat();
      },
      async (recorded) => {
        if (to === 'offline') return;
        const counts = await Promise.all(
          targets.map((target) => target.serve(recorded.filter(({ version }) => version === target.version.version))),
        );
        applied = counts[0] ?? 0;
      },
    );
    if (done) {
      let quarantined = 0;
      for (const target of targets) {
        const aside = await target.judge.settle(parts.quality, target.version.version);
        if (target === targets[0]) quarantined = aside;
      }
      const taken = targets.map(({ version }) => version.version).sort((a, b) => a - b);
      return { applied, quarantined, ...(there.length > 1 && { versions: taken }) };
    }
    if (attempt < ATTEMPTS) continue;
    throw new MlopsError('FS207', {
      address: `feature_set.${set}`,
      detail: `The versions of the feature set ${set} changed again and again while rows were pushed; nothing was done.`,
      hint: 'push them again',
      retryable: true,
      status: 503,
    });
  }
}

/**
 * The version that serves, or the newest, must take the rows: else what is wrong is told. The others take them where their
 * columns allow it. First the one that serves.
 */
function targetsOf(
  there: readonly FeatureSetVersion[],
  serving: FeatureSetVersion,
  make: (version: FeatureSetVersion, others: readonly FeatureSetVersion[]) => PushTargetVersion,
): readonly [PushTargetVersion, ...PushTargetVersion[]] {
  const newest = there.at(-1);
  let refused: MlopsError | undefined;
  const targets = [serving, ...there.filter((version) => version !== serving)].flatMap((version) => {
    try {
      return make(
        version,
        there.filter((other) => other !== version),
      );
    } catch (error) {
      if (!(error instanceof MlopsError)) throw error;
      refused ??= error;
      return [];
    }
  });
  const [first, ...rest] = targets;
  const taken = targets.some(({ version }) => version === serving || version === newest);
  if (first === undefined || !taken) throw refused ?? new Error('a set that takes pushes has a version');
  return [first, ...rest];
}

/** Pushing fills the serving version; a set that only lives from pushes has none yet and takes its newest. */
function pushedVersion(versions: readonly FeatureSetVersion[], set: string): FeatureSetVersion {
  const newest = versions.at(-1);
  if (newest === undefined || versions.some((version) => version.status === 'serving'))
    return servingVersion(versions, set);
  return newest;
}
