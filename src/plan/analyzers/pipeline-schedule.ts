/** The schedule of a pipeline: when the daemon runs it, and what it does about missed and overlapping runs. */
import type { CanonicalPipeline } from '../../spec/canonical-specs.ts';
import { type Analysis, type AnalysisContext, finding, says } from './analyzer.ts';

type Context = AnalysisContext<'pipeline'>;

const CATCHUP = ['none', 'last', 'all'];

export function scheduleChanges(
  { address, desired }: Context,
  before: CanonicalPipeline,
  after: CanonicalPipeline,
): readonly (Analysis | undefined)[] {
  const [old, next] = [before.schedule, after.schedule];
  if (next === undefined) {
    if (old === undefined) return [];
    return [
      says(
        'safe',
        finding('PL105', 'warning', desired, {
          detail: `${address} ran at ${old.cron}; from now on it runs only when asked. What it fills and trains grows old.`,
          fix: 'see that something else starts it: mlops run, or POST /api/v1/runs',
        }),
      ),
    ];
  }
  const [missedBefore, missed] = [old?.catchup ?? 'none', next.catchup ?? 'none'];
  const [overlapBefore, overlap] = [old?.overlap ?? 'queue', next.overlap ?? 'queue'];
  const more = CATCHUP.indexOf(missed) > CATCHUP.indexOf(missedBefore);
  return [
    missed === missedBefore
      ? undefined
      : says(
          'safe',
          finding('PL106', more ? 'warning' : 'info', desired, {
            detail: `When no daemon ran for a while, ${address} ${
              missed === 'none' ? 'leaves out' : missed === 'last' ? 'makes up for the last of' : 'makes up for all of'
            } the runs that it missed.`,
            ...(missed === 'all' ? { fix: 'see that the machine can take all of them one after the other' } : {}),
            pointer: next.catchup === undefined ? '/schedule' : '/schedule/catchup',
          }),
        ),
    overlap === overlapBefore
      ? undefined
      : says(
          'safe',
          finding('PL106', overlap === 'cancel' ? 'warning' : 'info', desired, {
            detail: `When its time comes while the run before still runs, ${address} ${
              overlap === 'queue'
                ? 'waits for it'
                : overlap === 'skip'
                  ? 'leaves this run out'
                  : 'cancels that one: a run that takes longer than the schedule never ends'
            }.`,
            pointer: next.overlap === undefined ? '/schedule' : '/schedule/overlap',
          }),
        ),
  ];
}
