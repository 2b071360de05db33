/** When a task starts: what it waits for, and whether it starts though that failed. */
import { canonicallyEqual } from '../../lib/canonical.ts';
import type { CanonicalPipeline, CanonicalTask } from '../../spec/canonical-specs.ts';
import { type Analysis, type AnalysisContext, finding, listed, says } from './analyzer.ts';

type Context = AnalysisContext<'pipeline'>;

/** These start only when nothing that comes before failed. */
const CAREFUL = ['all_success', 'none_failed'];

export function conditions(
  { address, desired }: Context,
  name: string,
  old: CanonicalTask,
  next: CanonicalTask,
  here: string,
  after: CanonicalPipeline,
): Analysis | undefined {
  const told: string[] = [];
  let pointer = here;
  let bolder = false;
  const [was, is] = [old.trigger ?? 'all_success', next.trigger ?? 'all_success'];
  if (was !== is) {
    told.push(`starts on ${is} instead of ${was}`);
    bolder = CAREFUL.includes(was) && !CAREFUL.includes(is);
    pointer = next.trigger === undefined ? here : `${here}/trigger`;
  }
  // A task that is gone is told by itself.
  const gone = old.needs.filter((need) => !next.needs.includes(need) && after.tasks[need] !== undefined);
  const came = next.needs.filter((need) => !old.needs.includes(need));
  if (gone.length > 0 || (came.length > 0 && !canonicallyEqual(old.needs, next.needs))) {
    if (gone.length > 0) told.push(`no longer waits for ${listed(gone)}`);
    if (came.length > 0) told.push(`waits for ${listed(came)}`);
    bolder ||= gone.length > 0;
    pointer = `${here}/needs`;
  }
  if (old.when !== next.when) {
    told.push(next.when === undefined ? 'runs whatever `when` said' : `runs only when ${next.when}`);
    pointer = next.when === undefined ? here : `${here}/when`;
  }
  if (told.length === 0) return undefined;
  return says(
    'safe',
    finding('PL111', bolder ? 'warning' : 'info', desired, {
      detail: `The task ${name} of ${address} ${listed(told)}.`,
      ...(bolder ? { fix: 'see that it may start although that failed or did not end' } : {}),
      pointer,
    }),
  );
}
