/** What the spine of a training set must yield. */
import type { Diagnostic } from '../lib/diagnostics.ts';
import { didYouMean, nearest } from '../lib/suggest.ts';
import type { CanonicalPipeline, TaskOf } from './canonical-specs.ts';
import { setsOf } from './feature-service.ts';
import type { LoadedResource, ResourceTable } from './loaded-resource.ts';
import { pointerTo } from './locator.ts';
import { type Problem, toDiagnostic } from './problem.ts';

/** The spine yields the keys of every set, an event time, and the labels that are trained on it. */
export function checkSpine(
  resource: LoadedResource,
  pipeline: CanonicalPipeline,
  taskName: string,
  task: TaskOf<'training_dataset'>,
  names: readonly string[],
  table: ResourceTable,
  diagnostics: Diagnostic[],
): void {
  const pointer = `${pointerTo('/tasks', taskName)}/spine`;
  const service = table.get('feature_service', task.features);
  const sets = (service === undefined ? [] : setsOf(service)).map((set) => table.get('feature_set', set));
  const keys = new Set(
    sets.flatMap((set) => Object.keys((set === undefined ? undefined : table.get('entity', set.entity))?.keys ?? {})),
  );
  const add = (problem: Omit<Problem, 'code'>): void => {
    diagnostics.push(toDiagnostic({ code: 'SP203', ...problem }, resource));
  };
  for (const key of keys) {
    if (!has(names, key))
      add({
        pointer,
        detail: `The spine yields no column "${key}", a key of the features that are joined to it.`,
        hint: didYouMean(key, names),
      });
  }
  const times = new Set([...sets.flatMap((set) => set?.eventTime ?? []), 'event_time']);
  if (![...times].some((time) => has(names, time))) {
    add({
      pointer,
      detail: `The spine yields no event time: it needs a column ${[...times].join(' or ')}.`,
      hint: `it yields: ${names.join(', ')}`,
    });
  }
  for (const [name, other] of Object.entries(pipeline.tasks)) {
    if (other.operator !== 'model_training' || !other.needs.includes(taskName) || has(names, other.label)) continue;
    const detail = `The spine of "${taskName}" yields no column "${other.label}" to predict.`;
    add({
      pointer: `${pointerTo('/tasks', name)}/label`,
      detail,
      hint:
        nearest(other.label, names) === undefined ? `it yields: ${names.join(', ')}` : didYouMean(other.label, names),
    });
  }
}

/** As engines compare names: upper and lower case are one. */
export function has(names: readonly string[], name: string): boolean {
  const lower = name.toLowerCase();
  return names.some((candidate) => candidate.toLowerCase() === lower);
}
