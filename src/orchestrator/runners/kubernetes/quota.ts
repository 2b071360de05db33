/** A quota of the namespace that is used up, as the API server and the Job controller tell it. */
import { MlopsError } from '../../../lib/error.ts';
import { ClusterError } from './cluster-error.ts';

/** In the API server's words; undefined where it is something else. Room comes again, unlike a right that is missing. */
export function exceededQuota(error: unknown): string | undefined {
  const told = error instanceof MlopsError ? error.cause : error;
  return told instanceof ClusterError && told.status === 403 && isQuota(told.message) ? told.message : undefined;
}

export function isQuota(message: string): boolean {
  return /exceeded quota/.test(message);
}
