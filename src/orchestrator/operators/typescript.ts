/** typescript: a function of the config or of a module, in a worker process. What it returns is the task's outputs. */
import { processArguments } from '../../lib/thread.ts';
import type { Operator } from './operator.ts';

const HOST = processArguments(import.meta.url, '../runners/function-host');

export const typescript: Operator<'typescript'> = (task, context) =>
  context.runProcess(
    {
      command: [process.execPath, ...HOST, task.run],
      env: task.env ?? {},
      bundle: task.bundle,
      artifacts: task.artifacts,
      variables: {},
      files: {},
    },
    async (result) => result.outputs,
  );
