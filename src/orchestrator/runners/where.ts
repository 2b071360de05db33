/** What is told where a program cannot run where it is to. */
import { MlopsError } from '../../lib/error.ts';

export function noCluster(task: string, pipeline: string): MlopsError {
  return new MlopsError('PL230', {
    detail: `The task ${task} is to run in a cluster, and the environment names none.`,
    hint: "runner: { kubernetes: { namespace: 'ml', image: 'python:3.12' } } in the environment, or leave runner: kubernetes out of the task",
    address: `pipeline.${pipeline}`,
  });
}
