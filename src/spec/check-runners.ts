/** Where programs of tasks are to run: a cluster that some environment names, in an image that something names. */
import type { Diagnostic } from '../lib/diagnostics.ts';
import type { ResourceTable } from './loaded-resource.ts';
import { pointerTo } from './locator.ts';
import { toDiagnostic } from './problem.ts';
import type { ProjectSpec, Task } from './schema-types.ts';

type Environments = NonNullable<ProjectSpec['environments']>;

/** What a trainer leaves behind does not come back from a pod, and a function of the config is at home where the config is. */
const IN_A_CLUSTER: ReadonlySet<string> = new Set(['command', 'python']);

export function checkRunners(table: ResourceTable, environments: Environments): readonly Diagnostic[] {
  const clusters = Object.entries(environments).flatMap(([name, { runner }]) =>
    runner?.kubernetes === undefined ? [] : [{ name, image: runner.kubernetes.image }],
  );
  return [...table.ofKind('pipeline')].flatMap((pipeline) => {
    if (!pipeline.sound) return [];
    const tasks = pipeline.value['tasks'] as Readonly<Record<string, Task>>;
    return Object.entries(tasks).flatMap(([name, task]) => {
      const problem = problemOf(name, task, clusters);
      if (problem === undefined) return [];
      const pointer = `${pointerTo('/tasks', name)}${problem.within}`;
      return [toDiagnostic({ code: 'SP132', pointer, detail: problem.detail, hint: problem.hint }, pipeline)];
    });
  });
}

function problemOf(
  name: string,
  task: Task,
  clusters: readonly { readonly name: string; readonly image: string | undefined }[],
): { readonly within: string; readonly detail: string; readonly hint: string } | undefined {
  if (task.runner === 'kubernetes' && !IN_A_CLUSTER.has(task.operator)) {
    return {
      within: '/runner',
      detail: `The task "${name}" is a ${task.operator}: only command and python tasks run in a cluster.`,
      hint: 'leave runner out: it runs on the machine of the daemon',
    };
  }
  if (task.runner === 'kubernetes' && clusters.length === 0) {
    return {
      within: '/runner',
      detail: `The task "${name}" is to run in a cluster, and no environment names one.`,
      hint: 'declare it: environments.NAME.runner.kubernetes',
    };
  }
  if (task.runner !== 'process' && IN_A_CLUSTER.has(task.operator) && clusters.length > 0 && 'artifacts' in task)
    return {
      within: '/artifacts',
      detail: `The task "${name}" declares artifacts, and files that a program leaves in a pod do not come back.`,
      hint: "runner: 'process' keeps it on the machine of the daemon; or let the program store them itself",
    };
  if (task.runner === 'process' || !IN_A_CLUSTER.has(task.operator) || task.kubernetes?.image !== undefined)
    return undefined;
  const without = clusters.find(({ image }) => image === undefined);
  if (without === undefined) return undefined;
  return {
    within: task.runner === undefined ? '' : '/runner',
    detail: `Nothing says which image the task "${name}" runs in, in the cluster of environment "${without.name}".`,
    hint: `kubernetes: { image: 'python:3.12' } in the task, or environments.${without.name}.runner.kubernetes.image`,
  };
}
