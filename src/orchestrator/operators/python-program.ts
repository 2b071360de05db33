/** A Python script as a program. */
import type { ProcessTask } from '../runners/process-runner.ts';

export type Program = Pick<ProcessTask, 'command' | 'interpreted' | 'variables'>;

const DEFAULT_INTERPRETER = 'python3';

/** The environment that Python gets where the task says nothing else. */
const DEFAULT_VARIABLES = {
  // What it prints is in the log at once.
  PYTHONUNBUFFERED: '1',
  // The directory holds the bundle and what the script leaves, nothing else.
  PYTHONDONTWRITEBYTECODE: '1',
  // The root of the bundle; a script finds the modules beside itself in any case.
  PYTHONPATH: '.',
} as const;

export function pythonProgram(
  python: { readonly script: string; readonly args?: readonly string[]; readonly interpreter?: string },
  env: object = {},
): Program {
  return {
    command: [python.interpreter ?? DEFAULT_INTERPRETER, python.script, ...(python.args ?? [])],
    interpreted: true,
    variables: Object.fromEntries(Object.entries(DEFAULT_VARIABLES).filter(([name]) => !Object.hasOwn(env, name))),
  };
}
