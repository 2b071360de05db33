/** A batch_prediction task that answers otherwise: the set that its predictions are written into holds both. */
import { canonicallyEqual } from '../../lib/canonical.ts';
import { addressOf } from '../../spec/address.ts';
import type { CanonicalTask, TaskOf } from '../../spec/canonical-specs.ts';
import { type Analysis, type AnalysisContext, finding, listed, says, verb } from './analyzer.ts';

/** What is answered, and by whom. */
const ANSWERS = ['model', 'version', 'stage', 'query', 'source', 'missing'] as const;

export function predictionChanges(
  { address, desired, stays }: AnalysisContext<'pipeline'>,
  name: string,
  old: CanonicalTask,
  next: CanonicalTask,
  here: string,
): readonly Analysis[] {
  if (old.operator !== 'batch_prediction' || next.operator !== 'batch_prediction') return [];
  const found: Analysis[] = [];
  const told = (detail: string, fix: string, pointer: string): void => {
    found.push(says('backfill', finding('PL114', 'warning', desired, { detail, fix, pointer })));
  };
  const changed = ANSWERS.filter((field) => !canonicallyEqual(fieldOf(old, field), fieldOf(next, field)));
  const [first] = changed;
  if (first !== undefined && next.into !== undefined && next.into === old.into)
    told(
      `${listed(changed)} of ${name} of ${address} ${verb(changed, 'changes', 'change')}, whose predictions are written into ${addressOf('feature_set', next.into)}. Rows that were written before stay as they were answered then.`,
      'let the set have `model_version` as a feature where rows must be told apart, or write into another set',
      next[first] === undefined ? here : `${here}/${first}`,
    );
  const into = old.into === undefined ? undefined : addressOf('feature_set', old.into);
  if (into !== undefined && next.into !== old.into && stays(into))
    told(
      `The predictions of ${name} of ${address} are no longer written into ${into}: what was written stays as it is and grows old.`,
      'let another task write it, or destroy what is not needed',
      next.into === undefined ? here : `${here}/into`,
    );
  return found;
}

function fieldOf(task: TaskOf<'batch_prediction'>, field: (typeof ANSWERS)[number]): unknown {
  return task[field] ?? null;
}
