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
  'sql_query',
  'training_dataset',
]);

export function checkTaskCache(task: Task, pointer: string, into: Canonicalizing): void {
  const { operator, cache } = task;
  if (cache === undefined) return;
  if (operator === 'sql_query' && task.into !== undefined)
    report(into, 'SP103', `${pointer}/cache`, 'What a sql_query task writes into a set cannot be taken over.', {
      part: 'key',
      hint: 'take "into" or "cache" out: a set that is materialized after it takes the result too',
    });
  if (!CACHED.has(operator))
    report(into, 'SP103', `${pointer}/cache`, `What a ${operator} task does in the stores cannot be taken over.`, {
      part: 'key',
      hint: `cache goes with ${[...CACHED].join(', ')}`,
    });
  if (cache.key !== undefined) reportExpression(cache.key, ['params', 'outputs', 'run'], `${pointer}/cache/key`, into);
}
