/** A program as a pod runs it: what goes into the attempt's Secret, and which variables and files the program finds. */
import { readFile } from 'node:fs/promises';
import { MlopsError } from '../../../lib/error.ts';
import { isEnvRef } from '../../../lib/secret.ts';
import { attemptTraceParent } from '../../../lib/trace-context.ts';
import type { ProcessAttempt, ProcessTask } from '../process-runner.ts';
import { IO_PATH, OUTPUTS_PATH, type PodProgram } from './manifest.ts';

/** Kubernetes takes 1 MiB in a Secret, its names included. */
const SECRET_LIMIT_BYTES = 1_000_000;
const FILES_LIMIT = 200;

export interface PackedProgram {
  readonly program: PodProgram;
  /** The Secret's contents by key, base64. */
  readonly data: Readonly<Record<string, string>>;
}

/** PL233 where it is more than a Secret holds. */
export async function packProgram(
  task: ProcessTask,
  attempt: ProcessAttempt,
  artifactFile: (digest: string) => Promise<string>,
): Promise<PackedProgram> {
  const data: Record<string, Buffer> = {};
  const env: Record<string, string> = {};
  const secretEnv: Record<string, string> = {};
  for (const [name, value] of Object.entries(attempt.env)) {
    if (isEnvRef(task.env[name])) {
      secretEnv[name] = `env.${Object.keys(secretEnv).length}`;
      data[secretEnv[name]] = Buffer.from(value);
    } else env[name] = value;
  }
  const ioFiles: Record<string, string> = {};
  const paths: Record<string, string> = {};
  const files = { MLOPS_PARAMS: attempt.params, MLOPS_INPUTS: attempt.inputs, ...task.files };
  for (const [variable, content] of Object.entries(files)) {
    const file = `${variable.replace(/^MLOPS_/, '').toLowerCase()}.json`;
    ioFiles[file] = `io.${file}`;
    data[ioFiles[file]] = Buffer.from(JSON.stringify(content));
    paths[variable] = `${IO_PATH}/${file}`;
  }
  const workFiles: Record<string, string> = {};
  const bundle = Object.entries(task.bundle?.files ?? {});
  for (const [index, [path, digest]] of bundle.entries()) {
    workFiles[path] = `code.${index}`;
    data[workFiles[path]] = await readFile(await artifactFile(digest));
  }
  const bytes = Object.values(data).reduce((sum, content) => sum + content.length, 0);
  if (bytes > SECRET_LIMIT_BYTES || bundle.length > FILES_LIMIT) {
    throw new MlopsError('PL233', {
      detail: `The code, the parameters and the inputs of task ${attempt.task} are ${bundle.length} files and ${bytes} bytes; a pod gets up to ${FILES_LIMIT} files and ${SECRET_LIMIT_BYTES} bytes.`,
      hint: 'put large files and libraries into the image, and pass data by its address',
      address: `pipeline.${attempt.pipeline}`,
    });
  }
  return {
    program: {
      argv: typeof task.command === 'string' ? ['/bin/sh', '-c', task.command] : task.command,
      env: {
        ...env,
        MLOPS_RUN_ID: attempt.runId,
        MLOPS_PIPELINE: attempt.pipeline,
        MLOPS_TASK: attempt.task,
        MLOPS_ATTEMPT: String(attempt.attempt),
        ...(attempt.index === null
          ? {}
          : { MLOPS_ITEM: JSON.stringify(attempt.item), MLOPS_INDEX: String(attempt.index) }),
        TRACEPARENT: attemptTraceParent(attempt, attempt.traceparent),
        ...(attempt.instant === null ? {} : { MLOPS_INSTANT: attempt.instant }),
        MLOPS_OUTPUTS: OUTPUTS_PATH,
        ...paths,
        ...task.variables,
      },
      secretEnv,
      ioFiles,
      workFiles,
    },
    data: Object.fromEntries(Object.entries(data).map(([key, content]) => [key, content.toString('base64')])),
  };
}
