/** Where a task's program runs. */
import { MlopsError } from '../../lib/error.ts';
import type { CanonicalTask } from '../../spec/canonical-specs.ts';
import { runsAsProcess } from '../operators/operator.ts';

export type Where = 'daemon' | 'process' | 'kubernetes';

/** `hasCluster`: the environment names one. What a trainer leaves behind, and a function of the config, are at home here. */
export function whereOf(task: CanonicalTask, hasCluster: boolean): Where {
  if (!runsAsProcess(task)) return 'daemon';
  if (task.operator !== 'command' && task.operator !== 'python') return 'process';
  return task.runner ?? (hasCluster ? 'kubernetes' : 'process');
}

export function noCluster(task: string, pipeline: string): MlopsError {
  return new MlopsError('PL230', {
    detail: `The task ${task} is to run in a cluster, and the environment names none.`,
    hint: "runner: { kubernetes: { namespace: 'ml', image: 'python:3.12' } } in the environment, or leave runner: kubernetes out of the task",
    address: `pipeline.${pipeline}`,
  });
}
