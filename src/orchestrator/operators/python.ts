/** python: a script of the project, run by the interpreter that the task names. Outputs as for any program. */
import type { Operator } from './operator.ts';
import { pythonProgram } from './python-program.ts';

export const python: Operator<'python'> = (task, context) =>
  context.runProcess(
    {
      ...pythonProgram(task, task.env),
      env: task.env ?? {},
      bundle: task.bundle,
      artifacts: task.artifacts,
      files: {},
    },
    async (result) => result.outputs,
  );
