/** The digest of a canonical spec: equal for specs that mean the same. What a resource was called before is not part of what it is. */
import { digestOf } from '../lib/canonical.ts';

export function specDigest(spec: object): string {
  const { movedFrom: _, ...rest } = spec as { readonly movedFrom?: unknown };
  return digestOf(rest);
}
