/** What a task asks for while it runs: of a machine, and of what is shared beyond it. */
import { sizeBytes } from '../lib/units.ts';
import type { CanonicalPipeline, CanonicalTask } from '../spec/canonical-specs.ts';
import { defaultCpu, whereOf } from '../spec/where-tasks-run.ts';
import type { Shares } from '../stores/control/limits.ts';
import type { Demand } from '../stores/control/runs.ts';

export const NOTHING: Demand = { cpu: 0, memoryBytes: 0, gpu: 0 };

/** What runs in a cluster takes no room of any machine of ours. */
export function demandOf(task: CanonicalTask, hasCluster: boolean): Demand {
  if (whereOf(task, hasCluster) === 'kubernetes') return NOTHING;
  const { cpu, memory, gpu } = task.resources ?? {};
  return {
    cpu: cpu ?? defaultCpu(task),
    memoryBytes: memory === undefined ? 0 : sizeBytes(memory),
    gpu: gpu ?? 0,
  };
}

/** `items`: names the task whose items' tasks these are, among all runs. Null: it shares nothing. */
export function sharesOf(spec: CanonicalPipeline, task: CanonicalTask, items?: string): Shares | null {
  const pools = typeof task.pool === 'string' ? { [task.pool]: 1 } : (task.pool ?? {});
  const pipelineTasks = spec.concurrency?.tasks ?? null;
  const team = spec.owner ?? null;
  const fanOut =
    items === undefined || task.concurrency === undefined ? {} : { fanOut: { of: items, limit: task.concurrency } };
  if (Object.keys(pools).length === 0 && pipelineTasks === null && team === null && !('fanOut' in fanOut)) return null;
  return { pools, pipeline: spec.name, pipelineTasks, team, ...fanOut };
}
