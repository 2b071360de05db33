/** Pipelines change in place: runs under way keep the spec that they started with, and the next run takes the new one. */
import type { CanonicalPipeline } from '../../spec/canonical-specs.ts';
import { declaredParams } from '../../spec/params.ts';
import { circleText } from '../../spec/pipeline-circles.ts';
import type { Param } from '../../spec/schema-types.ts';
import { escapePointer } from '../diff.ts';
import {
  type Analysis,
  type AnalysisContext,
  type Analyzer,
  analyzerOf,
  finding,
  listed,
  says,
  together,
} from './analyzer.ts';
import { noLongerFed } from './pipeline-feeds.ts';
import { scheduleChanges } from './pipeline-schedule.ts';
import { taskChanges } from './pipeline-tasks.ts';
import { breakerChange, triggerChanges } from './pipeline-triggers.ts';
import { roomLacking } from './room.ts';

type Context = AnalysisContext<'pipeline'>;

/** Also of a new one: whether there is room for its tasks. */
export const analyzePipeline: Analyzer<'pipeline'> = (context) =>
  together([edited(context), roomLacking(context), circle(context)]);

const edited = analyzerOf<'pipeline'>({
  destroyed: (context, before) => [liveAtTheEnd(context, before), ...noLongerFed(context, before, undefined)],
  changed: (context, before, after) => [
    ...scheduleChanges(context, before, after),
    triggerChanges(context, before, after),
    breakerChange(context, before, after),
    params(context, before, after),
    ...taskChanges(context, before, after),
    ...noLongerFed(context, before, after),
    underWay(context),
  ],
});

/** PL120. Circles among the specs alone are refused when these are loaded: this one goes through what the HTTP interface made. */
function circle({ address, after, desired, circles }: Context): Analysis | undefined {
  if (after === undefined) return undefined;
  const found = circles().find(({ path }) => path.includes(after.name));
  if (found === undefined) return undefined;
  return says(
    'safe',
    finding('PL120', 'error', desired, {
      detail: `${circleText(found)} ${address} closes the circle with what was made through the HTTP interface.`,
      fix: 'take one of the triggers out, or what the HTTP interface made',
      pointer: '/triggers',
    }),
  );
}

function liveAtTheEnd({ address, facts }: Context, before: CanonicalPipeline): Analysis | undefined {
  const live = facts.liveRuns?.get(before.name) ?? 0;
  if (live === 0) return undefined;
  return says(
    'breaking',
    finding('PL101', 'error', undefined, {
      detail: `${address} has ${live} ${live === 1 ? 'run' : 'runs'} that did not end. Destroying it would leave their tasks without a pipeline.`,
      fix: 'wait for them or cancel them (mlops runs cancel RUN), then apply again',
    }),
  );
}

function underWay({ address, facts, desired, diffs }: Context): Analysis | undefined {
  const live = facts.liveRuns?.get(address.slice('pipeline.'.length)) ?? 0;
  if (live === 0 || !diffs.some(({ path }) => path.startsWith('/tasks/'))) return undefined;
  return says(
    'safe',
    finding('PL112', 'info', desired, {
      detail: `${live} ${live === 1 ? 'run' : 'runs'} of ${address} did not end and ${live === 1 ? 'goes' : 'go'} on with the tasks as they were.`,
      fix: 'cancel them (mlops runs cancel RUN) and start anew where they must not end as they began',
      pointer: '/tasks',
    }),
  );
}

function params(
  { address, desired }: Context,
  before: CanonicalPipeline,
  after: CanonicalPipeline,
): Analysis | undefined {
  const [olds, nexts] = [declaredParams(before), declaredParams(after)];
  const lost = [
    ...Object.entries(olds).flatMap(([name, old]) => {
      const next = nexts[name];
      if (next === undefined) return [{ name, text: `${name} is gone` }];
      if (next.type !== old.type) return [{ name, text: `${name} is a ${next.type} instead of a ${old.type}` }];
      return narrower(old, next) ? [{ name, text: `${name} takes fewer values` }] : [];
    }),
    ...Object.entries(nexts).flatMap(([name, next]) =>
      next.required === true && olds[name]?.required !== true ? [{ name, text: `${name} must be given` }] : [],
    ),
  ];
  const [first] = lost;
  if (first === undefined) return undefined;
  const known = after.params !== undefined && Object.hasOwn(after.params, first.name);
  return says(
    'breaking',
    finding('PL113', 'warning', desired, {
      detail: `${address}: ${listed(lost.map(({ text }) => text))}. Whoever starts a run as before is refused (PL205).`,
      fix: 'see that nobody starts a run in that way any more',
      pointer: known ? `/params/${escapePointer(first.name)}` : after.params === undefined ? '' : '/params',
    }),
  );
}

function narrower(old: Param, next: Param): boolean {
  const { enum: values, min, max } = next;
  if (values !== undefined && (old.enum === undefined || old.enum.some((one) => !values.includes(one)))) return true;
  return (
    (min !== undefined && (old.min === undefined || min > old.min)) ||
    (max !== undefined && (old.max === undefined || max < old.max))
  );
}
