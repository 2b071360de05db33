/**
 * Runs a program of a task: in a process group of its own, in a fresh directory that holds just the task's code bundle.
 *
 * The program starts behind a gate: a small shell waits on its standard input until the process's number is recorded in
 * the store, so that at no moment something runs of which nobody knows. A second shell in the group waits for the end of
 * a pipe that only this daemon holds open: when the daemon dies, however it dies, the whole group does.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { chmod, copyFile, mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { dirname, join, sep } from 'node:path';
import type { Readable, Writable } from 'node:stream';
import { StringDecoder } from 'node:string_decoder';
import { invariant } from '../../lib/assert.ts';
import { MlopsError } from '../../lib/error.ts';
import type { JsonObject, JsonValue } from '../../lib/json.ts';
import type { EnvRef } from '../../lib/secret.ts';
import type { CodeBundle } from '../../spec/canonical-specs.ts';
import { processStartedAt, signalGroup } from '../machine.ts';
import { redactingStream } from '../redact.ts';
import { TaskFailure } from '../task-failure.ts';
import type { TaskLog } from '../task-log.ts';

export interface ProcessTask {
  /** A shell line, or the program and its arguments. */
  readonly command: string | readonly string[];
  readonly env: Readonly<Record<string, string | EnvRef>>;
  readonly bundle: CodeBundle | undefined;
  /** Further environment variables. */
  readonly variables: Readonly<Record<string, string>>;
  /** JSON files; the environment variable of each name holds its path. */
  readonly files: Readonly<Record<string, JsonValue>>;
}

export interface ProcessResult {
  /** Where the program ran, with what it left. */
  readonly directory: string;
  /** What it wrote to MLOPS_OUTPUTS; empty where it wrote nothing. */
  readonly outputs: JsonObject;
}

export interface ProcessAttempt {
  readonly runId: string;
  readonly pipeline: string;
  readonly task: string;
  readonly attempt: number;
  readonly params: JsonObject;
  readonly inputs: Readonly<Record<string, JsonObject>>;
  /** The instant of a scheduled run. */
  readonly instant: string | null;
  readonly signal: AbortSignal;
  readonly taskLog: TaskLog;
  /** The values of `env`, its references resolved. */
  readonly env: Readonly<Record<string, string>>;
  readonly secrets: readonly string[];
}

export interface ProcessRunnerOptions {
  /** Attempts' directories lie below it. */
  readonly workdir: string;
  readonly artifactFile: (digest: string) => Promise<string>;
  readonly variables: Readonly<Record<string, string | undefined>>;
  /** From the asking (SIGTERM) to the killing (SIGKILL) of a group. */
  readonly killGraceMs: number;
  /** False: the lease is lost, the program must not start. */
  readonly recordProcess: (
    attempt: ProcessAttempt,
    process: { readonly pid: number; readonly pidStartedAt: string },
  ) => Promise<boolean>;
  /** The group began to run, or ended (null). */
  readonly onGroup: (attempt: ProcessAttempt, group: number | null) => void;
}

/** What a program gets of this process's environment: nothing that could be a secret of the daemon. */
const INHERITED =
  /^(PATH|HOME|USER|LOGNAME|SHELL|LANG|LANGUAGE|LC_.*|TZ|TMPDIR|TEMP|TMP|TERM|LD_LIBRARY_PATH|DYLD_.*|SSL_CERT_FILE|SSL_CERT_DIR|VIRTUAL_ENV|CONDA_PREFIX|PYENV_.*|NVM_DIR|JAVA_HOME|CUDA_.*|NVIDIA_.*|OMP_NUM_THREADS|SystemRoot)$/;

const GATE = `
(trap '' TERM INT HUP; exec </dev/null >/dev/null 2>&1; read -r end <&3; kill -s KILL 0) &
read -r go || exit 125
exec 3<&- </dev/null
exec "$@"
`;

/** Under one deterministic name for an attempt. */
export function attemptDirectory(
  workdir: string,
  attempt: { readonly runId: string; readonly task: string; readonly attempt: number },
): string {
  return join(workdir, 'runs', attempt.runId, attempt.task, String(attempt.attempt));
}

export async function runProcess<T>(
  task: ProcessTask,
  attempt: ProcessAttempt,
  options: ProcessRunnerOptions,
  use: (result: ProcessResult) => Promise<T>,
): Promise<T> {
  const home = attemptDirectory(options.workdir, attempt);
  const directory = join(home, 'work');
  const exchange = join(home, 'io');
  await rm(home, { recursive: true, force: true });
  await mkdir(directory, { recursive: true });
  await mkdir(exchange, { recursive: true });
  try {
    await unpack(task.bundle, directory, options.artifactFile);
    const outputsFile = join(exchange, 'outputs.json');
    const files = await writeFiles(exchange, {
      MLOPS_PARAMS: attempt.params,
      MLOPS_INPUTS: attempt.inputs,
      ...task.files,
    });
    const env = {
      ...inherited(options.variables),
      ...attempt.env,
      MLOPS_RUN_ID: attempt.runId,
      MLOPS_PIPELINE: attempt.pipeline,
      MLOPS_TASK: attempt.task,
      MLOPS_ATTEMPT: String(attempt.attempt),
      ...(attempt.instant === null ? {} : { MLOPS_INSTANT: attempt.instant }),
      MLOPS_OUTPUTS: outputsFile,
      ...files,
      ...task.variables,
    };
    await execute(
      typeof task.command === 'string' ? ['/bin/sh', '-c', task.command] : task.command,
      directory,
      env,
      attempt,
      options,
    );
    return await use({ directory, outputs: await readOutputs(outputsFile) });
  } finally {
    await rm(home, { recursive: true, force: true, maxRetries: 3 });
  }
}

async function unpack(
  bundle: CodeBundle | undefined,
  directory: string,
  artifactFile: (digest: string) => Promise<string>,
): Promise<void> {
  for (const [path, digest] of Object.entries(bundle?.files ?? {})) {
    const target = join(directory, path);
    invariant(target.startsWith(directory + sep), `a bundle's file leaves its directory: ${path}`);
    await mkdir(dirname(target), { recursive: true });
    await copyFile(await artifactFile(digest), target);
    await chmod(target, 0o755);
  }
}

async function writeFiles(
  exchange: string,
  files: Readonly<Record<string, JsonValue>>,
): Promise<Record<string, string>> {
  const paths: Record<string, string> = {};
  for (const [variable, content] of Object.entries(files)) {
    const path = join(exchange, `${variable.replace(/^MLOPS_/, '').toLowerCase()}.json`);
    await writeFile(path, JSON.stringify(content));
    paths[variable] = path;
  }
  return paths;
}

function inherited(variables: Readonly<Record<string, string | undefined>>): Record<string, string> {
  return Object.fromEntries(
    Object.entries(variables).flatMap(([name, value]) =>
      value !== undefined && INHERITED.test(name) ? [[name, value]] : [],
    ),
  );
}

async function execute(
  argv: readonly string[],
  cwd: string,
  env: Readonly<Record<string, string>>,
  attempt: ProcessAttempt,
  options: ProcessRunnerOptions,
): Promise<void> {
  attempt.signal.throwIfAborted();
  const child = spawn('/bin/sh', ['-c', GATE, 'mlops-task', ...argv], {
    cwd,
    env,
    detached: true,
    stdio: ['pipe', 'pipe', 'pipe', 'pipe'],
  });
  const [stdin, stdout, stderr, lifeline] = child.stdio as unknown as [Writable, Readable, Readable, Writable];
  // Both ends vanish with the program; a write that comes too late is no error.
  stdin.on('error', () => {});
  lifeline.on('error', () => {});
  const exit = exitOf(child);
  const group = child.pid;
  if (group === undefined) {
    await exit;
    return;
  }
  options.onGroup(attempt, group);
  const output = Promise.all([capture(stdout, 'out', attempt), capture(stderr, 'err', attempt)]);
  const stop = (): void => stopGroup(group, exit, options.killGraceMs);
  try {
    attempt.signal.addEventListener('abort', stop, { once: true });
    const pidStartedAt = processStartedAt(group) ?? 'unknown';
    const mayStart = await options.recordProcess(attempt, { pid: group, pidStartedAt });
    if (mayStart && !attempt.signal.aborted) stdin.end('go\n');
    else signalGroup(group, 'SIGKILL');
    const result = await exit;
    attempt.signal.throwIfAborted();
    if (!mayStart) throw new TaskFailure('crashed', null, 'the lease was lost before the program started');
    judge(result);
  } catch (error) {
    signalGroup(group, 'SIGKILL');
    await exit.catch(() => {});
    throw error;
  } finally {
    attempt.signal.removeEventListener('abort', stop);
    // Whatever the program left behind in its group ends with it.
    signalGroup(group, 'SIGKILL');
    options.onGroup(attempt, null);
    lifeline.destroy();
    await settled(output, [stdout, stderr]);
  }
}

const OUTPUT_GRACE_MS = 10_000;

/** A program that left its group and kept our pipes must not hold the task for ever. */
async function settled(output: Promise<unknown>, streams: readonly Readable[]): Promise<void> {
  const timer = setTimeout(() => {
    for (const stream of streams) stream.destroy();
  }, OUTPUT_GRACE_MS);
  await output;
  clearTimeout(timer);
}

interface Exit {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
}

function exitOf(child: ChildProcess): Promise<Exit> {
  const exit = new Promise<Exit>((resolve, reject) => {
    child.once('error', (cause) =>
      reject(new MlopsError('PL203', { detail: `The program cannot be started: ${cause.message}.`, cause })),
    );
    child.once('exit', (code, signal) => resolve({ code, signal }));
  });
  // Awaited later; until then a failure to start is not unhandled.
  exit.catch(() => {});
  return exit;
}

const SIGNAL_NUMBERS: Readonly<Record<string, number>> = {
  SIGHUP: 1,
  SIGINT: 2,
  SIGQUIT: 3,
  SIGILL: 4,
  SIGTRAP: 5,
  SIGABRT: 6,
  SIGBUS: 7,
  SIGFPE: 8,
  SIGKILL: 9,
  SIGUSR1: 10,
  SIGSEGV: 11,
  SIGUSR2: 12,
  SIGPIPE: 13,
  SIGALRM: 14,
  SIGTERM: 15,
};

/** A kill that was not ours is a crash: the machine ran out of memory or somebody evicted it. 137 is how a shell says so. */
function judge({ code, signal }: Exit): void {
  if (code === 0) return;
  const exitCode = code ?? 128 + (SIGNAL_NUMBERS[signal ?? ''] ?? 0);
  if (exitCode === 137)
    throw new TaskFailure('crashed', exitCode, 'the program was killed (SIGKILL): out of memory, or by hand');
  throw new TaskFailure(
    'failed',
    exitCode,
    signal === null ? `the program ended with exit code ${exitCode}` : `the program ended by ${signal}`,
  );
}

function stopGroup(group: number, exit: Promise<Exit>, graceMs: number): void {
  signalGroup(group, 'SIGTERM');
  const timer = setTimeout(() => signalGroup(group, 'SIGKILL'), graceMs);
  const clear = (): void => clearTimeout(timer);
  exit.then(clear, clear);
}

/** Ends when every holder of the pipe is gone. A program that prints faster than the store takes has to wait. */
async function capture(stream: Readable, name: 'out' | 'err', attempt: ProcessAttempt): Promise<void> {
  const decoder = new StringDecoder('utf8');
  const redacting = redactingStream(attempt.secrets);
  try {
    for await (const chunk of stream) {
      attempt.taskLog.write(name, redacting.push(decoder.write(chunk as Buffer)));
      await attempt.taskLog.room();
    }
  } catch (error) {
    attempt.taskLog.write(
      'system',
      `[the program's output could not be read: ${error instanceof Error ? error.message : String(error)}]\n`,
    );
  }
  attempt.taskLog.write(name, redacting.push(decoder.end()) + redacting.end());
}

const OUTPUTS_LIMIT_BYTES = 1024 * 1024;

async function readOutputs(file: string): Promise<JsonObject> {
  let text: string;
  try {
    text = await readFile(file, 'utf8');
  } catch (error) {
    if ((error as { code?: unknown }).code === 'ENOENT') return {};
    throw error;
  }
  if (text.trim() === '') return {};
  const problem = (why: string): MlopsError =>
    new MlopsError('PL203', {
      detail: `What the program wrote to MLOPS_OUTPUTS ${why}.`,
      hint: 'write one JSON object, e.g. {"rows": 10}',
    });
  if (Buffer.byteLength(text) > OUTPUTS_LIMIT_BYTES) throw problem(`is larger than ${OUTPUTS_LIMIT_BYTES} bytes`);
  let outputs: unknown;
  try {
    outputs = JSON.parse(text);
  } catch {
    throw problem('is not JSON');
  }
  if (typeof outputs !== 'object' || outputs === null || Array.isArray(outputs)) throw problem('is not an object');
  return outputs as JsonObject;
}
