/**
 * From a key to a variant. Variants take ranges of buckets in the order of their names, so that what the split says alone decides,
 * not the order in which somebody wrote it; moving a share from one variant to its neighbour moves only those keys.
 */
import type { CanonicalEndpoint } from '../spec/canonical-specs.ts';
import { BUCKETS, bucketOf } from './bucket.ts';

export interface Router {
  /** By name. */
  readonly variants: readonly string[];
  /** The variant that the key belongs to. */
  assigned(key: string): string;
  /**
   * The variant that answers for the key: the assigned one where it serves, else the serving one with the largest share (of equal ones
   * the first by name). Undefined where none serves.
   */
  route(key: string, serves: (variant: string) => boolean): string | undefined;
  /** Percent of the keys, now. */
  share(variant: string): number;
  /** The serving variant with the largest share, of equal ones the first by name. */
  largest(serves: (variant: string) => boolean): string | undefined;
}

export function createRouter(endpoint: Pick<CanonicalEndpoint, 'name' | 'variants' | 'split'>): Router {
  const variants = Object.keys(endpoint.variants).sort();
  const share = (variant: string): number => endpoint.split[variant] ?? 0;
  /** Exclusive upper bounds of the ranges. */
  const bounds: number[] = [];
  let percent = 0;
  for (const variant of variants) {
    percent += share(variant);
    bounds.push(Math.round((percent * BUCKETS) / 100));
  }
  const bySize = [...variants].sort((a, b) => share(b) - share(a));

  const assigned = (key: string): string => {
    const bucket = bucketOf(endpoint.name, key);
    const at = bounds.findIndex((bound) => bucket < bound);
    return variants[at] ?? bySize[0]!;
  };
  return {
    variants,
    assigned,
    route: (key, serves) => {
      const variant = assigned(key);
      return serves(variant) ? variant : bySize.find(serves);
    },
    share,
    largest: (serves) => bySize.find(serves),
  };
}
