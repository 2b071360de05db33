/** Where the program of a task runs. */
import type { CanonicalTask } from './canonical-specs.ts';

export type Where = 'daemon' | 'process' | 'kubernetes';

/** `hasCluster`: the environment names one. What a trainer leaves behind, and a function of the config, are at home here. */
export function whereOf(task: CanonicalTask, hasCluster: boolean): Where {
  if (!runsAsProcess(task)) return 'daemon';
  if (task.operator !== 'command' && task.operator !== 'python') return 'process';
  return task.runner ?? (hasCluster ? 'kubernetes' : 'process');
}

/** In a process of its own, or within the daemon. */
export function runsAsProcess(task: CanonicalTask): boolean {
  switch (task.operator) {
    case 'command':
    case 'python':
    case 'typescript':
      return true;
    case 'model_training':
      return task.trainer === undefined;
    default:
      return false;
  }
}

/** Cores that a task takes which does not say how many. */
export function defaultCpu(task: CanonicalTask): number {
  return runsAsProcess(task) ? 1 : 0;
}
