/** Tasks of one kind ask for the same; a claim reads of each kind only as many as a worker has slots. */
import type { Demand } from '../../control/runs.ts';

export function kindOf(pipeline: string, task: Demand & { readonly priority: number }, shared: string | null): string {
  return [pipeline, task.priority, task.cpu, task.memoryBytes, task.gpu, ...(shared === null ? [] : [shared])].join(
    ' ',
  );
}
