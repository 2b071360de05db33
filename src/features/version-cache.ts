/**
 * The versions as recorded not longer ago than some time: a read of features costs no query each time. While they are read, they are
 * asked for again before that time is over, so that no read waits for it; and where nothing has changed, they stay the same list.
 */
import { isDeepStrictEqual } from 'node:util';
import type { FeatureSetVersion, FeatureState } from '../stores/control/feature-state.ts';

export interface VersionCache {
  get(): Promise<readonly FeatureSetVersion[]>;
  /** Where `get` would not have to ask. */
  peek(): readonly FeatureSetVersion[] | undefined;
  forget(): void;
}

interface Asked {
  /** When it was asked for. */
  readonly at: number;
  readonly versions: Promise<readonly FeatureSetVersion[]>;
}

export function createVersionCache(
  featureState: Pick<FeatureState, 'versions'>,
  nowMs: () => number,
  maxAgeMs: number,
): VersionCache {
  let known: { readonly at: number; readonly versions: readonly FeatureSetVersion[] } | undefined;
  let asked: Asked | undefined;
  let last: readonly FeatureSetVersion[] = [];
  const isYounger = (at: number, now: number, ageMs: number): boolean => now - at < ageMs && now >= at;

  function ask(now: number): Asked {
    const asking: Asked = {
      at: now,
      versions: featureState.versions().then((found) => {
        if (!areSame(found, last)) last = found;
        return last;
      }),
    };
    asked = asking;
    asking.versions.then(
      (versions) => {
        if (asked !== asking) return;
        known = { at: asking.at, versions };
        asked = undefined;
      },
      () => {
        if (asked === asking) asked = undefined;
      },
    );
    return asking;
  }

  function peek(): readonly FeatureSetVersion[] | undefined {
    const now = nowMs();
    if (known === undefined || !isYounger(known.at, now, maxAgeMs)) return undefined;
    if (asked === undefined && !isYounger(known.at, now, maxAgeMs / 2)) ask(now);
    return known.versions;
  }

  return {
    peek,
    get: () => {
      const found = peek();
      if (found !== undefined) return Promise.resolve(found);
      const now = nowMs();
      return (asked !== undefined && isYounger(asked.at, now, maxAgeMs) ? asked : ask(now)).versions;
    },
    forget: () => {
      known = undefined;
      asked = undefined;
    },
  };
}

/** A structure is what its digest says. */
const areSame = (some: readonly FeatureSetVersion[], others: readonly FeatureSetVersion[]): boolean =>
  some.length === others.length && some.every((one, at) => isDeepStrictEqual(plain(one), plain(others[at])));

const plain = (version: FeatureSetVersion | undefined) => ({ ...version, structure: undefined });
