/** command: any program. What it writes to the file MLOPS_OUTPUTS, a JSON object, is the task's outputs. */
import type { Operator } from './operator.ts';

export const command: Operator<'command'> = (task, context) =>
  context.runProcess(
    {
      command: task.command,
      env: task.env ?? {},
      bundle: task.bundle,
      artifacts: task.artifacts,
      variables: {},
      files: {},
    },
    async (result) => result.outputs,
  );
