/** What the last apply left undone of a resource, as the reason of its change tells it. */
import type { RecordedResource } from '../stores/control/state.ts';

/** `failed while updating at 2026-11-26 08:12 (ann@host): disk full`, or `interrupted while updating`; undefined where all is done. */
export function lastTime({ status, failure }: Pick<RecordedResource, 'status' | 'failure'>): string | undefined {
  if (status === 'ready') return undefined;
  if (failure === undefined) return `interrupted while ${status}`;
  const at = failure.at.toISOString().slice(0, 16).replace('T', ' ');
  return `failed while ${status} at ${at} (${failure.who}): ${failure.message.replace(/\.$/, '')}`;
}
