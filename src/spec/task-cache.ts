/** Which tasks may take over what they gave before. */
import { reportExpression } from './feature-set.ts';
import { type Canonicalizing, report } from './lookup.ts';
import type { Task } from './schema-types.ts';

/** What others change or read of the stores is no input that could be told apart, and what a step does there is not done by a result. */
const CACHED: ReadonlySet<Task['operator']> = new Set([
  'command',
  'python',
  'typescript',
  'model_training',
  'model_evaluation',
]);

export function checkTaskCache({ operator, cache }: Task, pointer: string, into: Canonicalizing): void {
  if (cache === undefined) return;
  if (!CACHED.has(operator))
    report(into, 'SP103', `${pointer}/cache`, `What a ${operator} task does in the stores cannot be taken over.`, {
      part: 'key',
      hint: `cache goes with ${[...CACHED].join(', ')}`,
    });
  if (cache.key !== undefined) reportExpression(cache.key, ['params', 'outputs', 'run'], `${pointer}/cache/key`, into);
}
