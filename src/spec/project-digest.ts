/** The digest of all of a project's resources: a saved plan is bound to it. */
import { digestOf } from '../lib/canonical.ts';
import type { AnyResource } from './project.ts';

/** `resources` in order of address. */
export function projectDigest(resources: Iterable<Pick<AnyResource, 'address' | 'digest'>>): string {
  return digestOf([...resources].map(({ address, digest }) => [address, digest]));
}
