/** Tasks of a pipeline: what goes, and what a task that stays does otherwise. */
import type { CanonicalPipeline, CanonicalTask } from '../../spec/canonical-specs.ts';
import { escapePointer } from '../diff.ts';
import { type Analysis, type AnalysisContext, finding, listed, says } from './analyzer.ts';
import { predictionChanges } from './prediction-tasks.ts';
import { otherRows } from './query-tasks.ts';
import { conditions } from './task-conditions.ts';
import { trainingChanges } from './training-tasks.ts';

type Context = AnalysisContext<'pipeline'>;

export function taskChanges(
  context: Context,
  before: CanonicalPipeline,
  after: CanonicalPipeline,
): readonly (Analysis | undefined)[] {
  return [
    ...Object.entries(before.tasks).flatMap(([name, old]): readonly (Analysis | undefined)[] => {
      const next = after.tasks[name];
      const here = `/tasks/${escapePointer(name)}`;
      if (next === undefined || next.operator !== old.operator) return removed(context, name, old, next, after, here);
      return [
        checks(context, name, old, next, here),
        promotion(context, name, old, next, here),
        model(context, name, old, next, here),
        ...trainingChanges(context, name, old, next, here),
        ...otherRows(context, name, old, next, here, before, after),
        ...predictionChanges(context, name, old, next, here),
        conditions(context, name, old, next, here, after),
      ];
    }),
    ...Object.entries(after.tasks).map(([name, next]) =>
      before.tasks[name]?.operator === next.operator ? undefined : added(context, name, next),
    ),
  ];
}

const doing = (task: CanonicalTask): string => task.operator;

function removed(
  { address, desired }: Context,
  name: string,
  old: CanonicalTask,
  next: CanonicalTask | undefined,
  after: CanonicalPipeline,
  here: string,
): readonly Analysis[] {
  const pointer = next === undefined ? '/tasks' : `${here}/operator`;
  // Done by a task of another name: nothing is lost.
  const still = Object.entries(after.tasks).some(([other, task]) => other !== name && sameWork(task, old));
  const what =
    next === undefined
      ? `${address} has no task ${name} (${doing(old)}) any more`
      : `The task ${name} of ${address} does ${doing(next)} instead of ${doing(old)}`;
  if (still) {
    return [
      says('safe', finding('PL102', 'info', desired, { detail: `${what}; another task does the same.`, pointer })),
    ];
  }
  switch (old.operator) {
    case 'data_validation':
    case 'model_evaluation':
      return [
        says(
          'safe',
          finding('PL103', 'warning', desired, {
            detail: `${what}: ${old.operator === 'data_validation' ? `rows of ${listed(old.featureSets)} are no longer checked before they are used` : 'versions are no longer measured, so gates over their metrics refuse them'}.`,
            fix: 'leave the check in, or say in the pull request what takes its place',
            pointer,
          }),
        ),
      ];
    case 'deployment':
      return [
        says(
          'safe',
          finding('PL109', 'warning', desired, {
            detail: `${what}: new versions of model.${old.model} are no longer brought to endpoint.${old.endpoint}.`,
            fix: 'promote by hand: mlops models promote MODEL VERSION --to STAGE',
            pointer,
          }),
        ),
      ];
    case 'model_promotion':
      return [
        says(
          'safe',
          finding('PL109', 'warning', desired, {
            detail: `${what}: new versions of model.${old.model} are no longer moved to ${old.to}.`,
            fix: 'promote by hand: mlops models promote MODEL VERSION --to STAGE',
            pointer,
          }),
        ),
      ];
    default: {
      const trains = old.operator === 'model_training' || old.operator === 'model_registration';
      return [
        says(
          'safe',
          finding('PL102', trains ? 'warning' : 'info', desired, {
            detail: `${what}.${trains ? ' No new version comes of it.' : ''}`,
            pointer,
          }),
        ),
      ];
    }
  }
}

/** Two tasks of these may have nothing in common but their operator. */
const DOES_ANYTHING: ReadonlySet<CanonicalTask['operator']> = new Set([
  'command',
  'python',
  'typescript',
  'http_request',
  'wait_for',
  'run_pipeline',
  'notify',
]);

function sameWork(a: CanonicalTask, b: CanonicalTask): boolean {
  if (a.operator === 'data_validation' && b.operator === 'data_validation')
    return b.featureSets.every((set) => a.featureSets.includes(set));
  if (a.operator === 'model_promotion' && b.operator === 'model_promotion') return a.model === b.model && a.to === b.to;
  if (a.operator === 'deployment' && b.operator === 'deployment')
    return a.model === b.model && a.endpoint === b.endpoint && a.variant === b.variant;
  if (a.operator === 'model_registration' && b.operator === 'model_registration') return a.model === b.model;
  return a.operator === b.operator && !DOES_ANYTHING.has(a.operator);
}

function added({ address, desired }: Context, name: string, task: CanonicalTask): Analysis | undefined {
  if (task.operator === 'deployment')
    return says(
      'safe',
      finding('PL109', 'warning', desired, {
        detail: `The task ${name} of ${address} brings new versions of model.${task.model} to endpoint.${task.endpoint} by itself, through the gates of the stage that it follows.`,
        fix: 'see that the gates of the model say what a version must reach',
        pointer: `/tasks/${escapePointer(name)}`,
      }),
    );
  if (task.operator !== 'model_promotion' || task.to === 'archived') return undefined;
  return says(
    'safe',
    finding('PL109', 'warning', desired, {
      detail: `The task ${name} of ${address} moves new versions of model.${task.model} to ${task.to} by itself${task.to === 'production' ? ', once they pass its gates' : ''}.`,
      fix: 'see that the gates of the model say what a version must reach',
      pointer: `/tasks/${escapePointer(name)}`,
    }),
  );
}

function checks(
  { address, desired }: Context,
  name: string,
  old: CanonicalTask,
  next: CanonicalTask,
  here: string,
): Analysis | undefined {
  const lost: string[] = [];
  let pointer = here;
  if (old.operator === 'data_validation' && next.operator === 'data_validation') {
    const gone = old.featureSets.filter((set) => !next.featureSets.includes(set));
    if (gone.length > 0) lost.push(`no longer checks ${listed(gone)}`);
    if (old.onFailure !== 'warn' && next.onFailure === 'warn') {
      lost.push('goes on where values break what is expected');
      pointer = `${here}/onFailure`;
    }
  }
  if (old.operator === 'model_evaluation' && next.operator === 'model_evaluation' && next.metrics !== undefined) {
    const metrics = next.metrics;
    const gone = old.metrics?.filter((metric) => !metrics.includes(metric)) ?? ['every metric but those that it names'];
    if (gone.length > 0) {
      lost.push(`no longer measures ${listed(gone)}`);
      pointer = `${here}/metrics`;
    }
  }
  if (lost.length === 0) return undefined;
  return says(
    'safe',
    finding('PL103', 'warning', desired, {
      detail: `The task ${name} of ${address} ${listed(lost)}.`,
      fix: 'leave the check in, or say in the pull request what takes its place',
      pointer,
    }),
  );
}

function promotion(
  { address, desired }: Context,
  name: string,
  old: CanonicalTask,
  next: CanonicalTask,
  here: string,
): Analysis | undefined {
  if (old.operator !== 'model_promotion' || next.operator !== 'model_promotion' || old.to === next.to) return undefined;
  return says(
    'safe',
    finding('PL109', 'warning', desired, {
      detail: `The task ${name} of ${address} moves new versions of model.${next.model} to ${next.to} instead of ${old.to}.`,
      fix: 'see that the gates of the model say what a version must reach, and which variants of endpoints follow that stage',
      pointer: `${here}/to`,
    }),
  );
}

function model(
  { address, desired }: Context,
  name: string,
  old: CanonicalTask,
  next: CanonicalTask,
  here: string,
): Analysis | undefined {
  const [was, is] = [modelOf(old), modelOf(next)];
  if (was === undefined || is === undefined || was === is) return undefined;
  return says(
    'breaking',
    finding('PL110', 'warning', desired, {
      detail: `The task ${name} of ${address} (${doing(next)}) works on model.${is} instead of model.${was}: model.${was} gets no new version of it.`,
      fix: 'see that the inputs and gates of the model fit what is trained here',
      pointer: `${here}/model`,
    }),
  );
}

/** What gets versions of it, or is moved. */
function modelOf(task: CanonicalTask): string | undefined {
  return 'model' in task && task.operator !== 'batch_prediction' && task.operator !== 'deployment'
    ? task.model
    : undefined;
}
