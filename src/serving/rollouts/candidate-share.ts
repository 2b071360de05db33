/**
 * Which keys of the baseline a rollout gives to its candidate: those whose bucket is below the share. Raising the share only adds keys. The hash
 * has the version in it, so that each version is tried on keys of its own; a client in any language computes the same.
 *
 *     bucket = murmur3_x86_32(utf8(endpoint + "/" + candidate + "@" + version + ":" + key), seed 0) mod 10000
 */
import type { RolloutTraffic } from '../../stores/control/rollouts.ts';
import { BUCKETS, bucketOf } from '../bucket.ts';

export function isCandidates({ endpoint, candidate, version, share }: RolloutTraffic, key: string): boolean {
  if (share <= 0) return false;
  if (share >= 100) return true;
  return bucketOf(`${endpoint}/${candidate}@${version}`, key) < Math.round((share * BUCKETS) / 100);
}
