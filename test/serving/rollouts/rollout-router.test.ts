import { describe, expect, it } from 'vitest';
import { bucketOf } from '../../../src/serving/bucket.ts';
import { withRollout } from '../../../src/serving/rollouts/rollout-router.ts';
import { createRouter } from '../../../src/serving/router.ts';
import type { CanonicalEndpoint } from '../../../src/spec/canonical-specs.ts';
import type { RolloutTraffic } from '../../../src/stores/control/rollouts.ts';

const ENDPOINT: CanonicalEndpoint = {
  name: 'mortality',
  key: 'id',
  variants: {
    control: { model: 'risk', stage: 'production' },
    other: { model: 'risk', stage: 'development' },
    treatment: { model: 'risk', stage: 'staging' },
  },
  split: { control: 80, other: 20 },
  rollout: { candidate: 'treatment', baseline: 'control', steps: [{ share: 5 }] },
};
const KEYS = Array.from({ length: 10_000 }, (_, key) => String(key));
const traffic = (share: number, change: Partial<RolloutTraffic> = {}): RolloutTraffic => ({
  endpoint: 'mortality',
  candidate: 'treatment',
  version: 2,
  share,
  ...change,
});
const routerAt = (now: RolloutTraffic | undefined, loaded: number | undefined = 2) =>
  withRollout(createRouter(ENDPOINT), ENDPOINT, { of: () => now }, () => loaded);
const everybody = () => true;
const routed = (now: RolloutTraffic | undefined, loaded?: number, serves: (variant: string) => boolean = everybody) => {
  const router = routerAt(now, loaded);
  return new Map(KEYS.map((key) => [key, router.route(key, serves)]));
};
const of = (map: ReadonlyMap<string, string | undefined>, variant: string): readonly string[] =>
  [...map].filter(([, one]) => one === variant).map(([key]) => key);

describe('routing with a rollout', () => {
  it('takes its share from the keys of the baseline alone, and raising it only adds keys', () => {
    const before = routed(undefined);
    let had: readonly string[] = [];
    for (const share of [1, 5, 20, 60, 100]) {
      const now = routed(traffic(share));
      const own = of(now, 'treatment');
      expect(own).toEqual(expect.arrayContaining([...had]));
      expect(own.every((key) => before.get(key) === 'control')).toBe(true);
      expect(of(now, 'other')).toEqual(of(before, 'other'));
      expect(Math.abs(own.length / of(before, 'control').length - share / 100)).toBeLessThan(0.02);
      had = own;
    }
    expect(had).toEqual(of(before, 'control'));
  });

  it('draws the keys as any client can, and others for another version', () => {
    const own = of(routed(traffic(20)), 'treatment');
    expect(own.every((key) => bucketOf('mortality/treatment@2', key) < 2_000)).toBe(true);
    const next = of(routed(traffic(20, { version: 3 }), 3), 'treatment');
    const both = own.filter((key) => next.includes(key)).length;
    expect(both / own.length).toBeLessThan(0.3);
  });

  it.each<[string, RolloutTraffic | undefined, number | undefined]>([
    ['no rollout has begun', undefined, 2],
    ['it was rolled back', traffic(0), 2],
    ['it serves another version than is rolled out', traffic(50), 3],
    ['it serves none', traffic(50), undefined],
    ['another variant is rolled out', traffic(50, { candidate: 'other' }), 2],
  ])('gives the candidate no key where %s', (_, now, loaded) => {
    const router = withRollout(createRouter(ENDPOINT), ENDPOINT, { of: () => now }, () => loaded);
    const alone = (variant: string): boolean => variant === 'treatment';
    for (const key of KEYS) {
      expect(router.route(key, everybody)).not.toBe('treatment');
      // Not even where nobody else serves.
      expect(router.route(key, alone)).toBeUndefined();
    }
    expect(router.share('treatment')).toBe(0);
  });

  it('tells the shares that count', () => {
    const router = routerAt(traffic(25));
    expect(['control', 'other', 'treatment'].map(router.share)).toEqual([60, 20, 20]);
    expect(router.assigned(of(routed(traffic(25)), 'treatment')[0]!)).toBe('treatment');
  });
});
