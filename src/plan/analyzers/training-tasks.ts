/** Tasks that a new version comes from: whether it learns the same, in another way, or something else. */
import { canonicallyEqual } from '../../lib/canonical.ts';
import type { CanonicalTask } from '../../spec/canonical-specs.ts';
import { type Analysis, type AnalysisContext, finding, listed, says, verb } from './analyzer.ts';

type Context = AnalysisContext<'pipeline'>;

/** What is learned. */
const TARGET = ['label', 'spine', 'features'];
/** How it is learned. */
const METHOD = ['trainer', 'params', 'command', 'python', 'env', 'code', 'bundle', 'split'];

export function trainingChanges(
  { address, desired }: Context,
  name: string,
  old: CanonicalTask,
  next: CanonicalTask,
  here: string,
): readonly (Analysis | undefined)[] {
  if (next.operator !== 'model_training' && next.operator !== 'training_dataset') return [];
  const changed = (fields: readonly string[]): readonly string[] =>
    fields.filter((field) => !canonicallyEqual(fieldOf(old, field), fieldOf(next, field)));
  const [target, method] = [changed(TARGET), changed(METHOD)];
  const at = (field: string | undefined): string =>
    field !== undefined && field !== 'bundle' && fieldOf(next, field) !== null ? `${here}/${field}` : here;
  const rows = method.includes('split');
  return [
    target.length === 0
      ? undefined
      : says(
          'breaking',
          finding('PL108', 'warning', desired, {
            detail: `The next run of ${address} learns something else: ${listed(target)} of ${name} ${verb(target, 'changes', 'change')}. Once such a version is promoted, whoever asks gets another kind of answer, and its metrics cannot be compared with those of the versions before.`,
            fix: 'where the question itself changes, declare a model of a new name with a pipeline and an endpoint of its own',
            pointer: at(target[0]),
          }),
        ),
    method.length === 0
      ? undefined
      : says(
          'safe',
          finding('PL107', rows ? 'warning' : 'info', desired, {
            detail: `The next run of ${address} trains differently: ${listed(method.map((field) => (field === 'bundle' ? 'the code' : field)))} of ${name} ${verb(method, 'changes', 'change')}.${rows ? ' Metrics on other test rows cannot be compared with those of the versions before: a gate with `atLeast` does so.' : ''}`,
            fix: rows
              ? 'train the version in production again on the new split before you compare'
              : 'run it and compare the metrics before you promote',
            pointer: at(rows ? 'split' : method[0]),
          }),
        ),
  ];
}

function fieldOf(task: CanonicalTask, field: string): unknown {
  return (task as unknown as Readonly<Record<string, unknown>>)[field] ?? null;
}
