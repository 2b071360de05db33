/**
 * Which versions of a feature set live: the newest, the one that serves reads without a version, those that models are asked
 * with, those that clients ask for by their number, and those that were brought back and are kept for a while. The others are retired.
 */
import type { FeatureSetVersion } from '../stores/control/feature-state.ts';
import type { VersionAsked, VersionLives, VersionReader } from '../stores/control/version-lives.ts';

export interface Lives {
  /** By version. Each is kept up to date, takes pushes, and serves once it is filled. */
  readonly live: readonly FeatureSetVersion[];
  /** Nothing reads them, and a newer one serves. */
  readonly unread: readonly FeatureSetVersion[];
}

/** All of one set. */
export function livesOf(
  versions: readonly FeatureSetVersion[],
  readers: readonly (VersionReader | VersionAsked)[],
  now: Date,
): Lives {
  const there = versions.filter(({ status }) => status === 'registered' || status === 'serving');
  const newest = there.at(-1);
  const serves = there.findLast(({ status }) => status === 'serving');
  const isRead = new Set(readers.map(({ version }) => version));
  const lives = (version: FeatureSetVersion): boolean =>
    version === newest ||
    version === serves ||
    isRead.has(version.version) ||
    (version.keptUntil !== null && version.keptUntil > now);
  return {
    live: there.filter(lives),
    unread: there.filter((version) => !lives(version) && serves !== undefined && version.version < serves.version),
  };
}

/** Everything that reads versions of a set. */
export async function readersOf(
  lives: Pick<VersionLives, 'readers' | 'asked'>,
  set: string,
): Promise<readonly (VersionReader | VersionAsked)[]> {
  const [models, clients] = await Promise.all([lives.readers(set), lives.asked(set)]);
  return [...models, ...clients];
}
