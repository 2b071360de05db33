/**
 * Runs a program of a task: in a process group of its own, in a fresh directory that holds just the task's code bundle.
 *
 * The program starts behind a gate: a small shell waits on its standard input until the process's number is recorded in
 * the store, so that at no moment something runs of which nobody knows. A second shell in the group waits for the end of
 * a pipe that only this daemon holds open: when the daemon dies, however it dies, the whole group does.
 */
import { spawn } from 'node:child_process';
import { mkdir, rm } from 'node:fs/promises';
import { setPriority } from 'node:os';
import { join } from 'node:path';
import type { Duplex, Readable, Writable } from 'node:stream';
import { StringDecoder } from 'node:string_decoder';
import type { JsonObject, JsonValue } from '../../lib/json.ts';
import type { EnvRef } from '../../lib/secret.ts';
import { attemptTraceParent } from '../../lib/trace-context.ts';
import { sizeInWords } from '../../lib/units.ts';
import type { CodeBundle } from '../../spec/canonical-specs.ts';
import type { RunArtifact } from '../../stores/control/run-artifacts.ts';
import { processStartedAt, signalGroup } from '../machine.ts';
import { redactingStream } from '../redact.ts';
import { TaskFailure } from '../task-failure.ts';
import type { TaskLog } from '../task-log.ts';
import type { ProgramUsage } from '../usage.ts';
import { attemptDirectory, explained, readOutputs, removeAttempt, unpack, writeFiles } from './attempt-directory.ts';
import { findInterpreter } from './find-interpreter.ts';
import { groupMeter } from './group-meter.ts';
import { type Exit, exitOf, judge } from './process-exit.ts';
import { cpuSecondsOf } from './shell-times.ts';
import {
  type ArtifactLimits,
  declaredFiles,
  type LeftFile,
  leftFiles,
  placeArtifacts,
  withinLimits,
} from './task-artifacts.ts';

export interface ProcessTask {
  /** A shell line, or the program and its arguments. */
  readonly command: string | readonly string[];
  /** The first word is an interpreter: looked for before anything starts, and below the root of the project where it is a relative path. */
  readonly interpreted?: boolean | undefined;
  readonly env: Readonly<Record<string, string | EnvRef>>;
  readonly bundle: CodeBundle | undefined;
  /** Files that it leaves in its directory, to be kept: paths or globs. Default: none. */
  readonly artifacts?: readonly string[] | undefined;
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
  /** Tasks before it. */
  readonly ancestors: readonly string[];
  /** Of whoever started the run. */
  readonly traceparent?: string | undefined;
  readonly signal: AbortSignal;
  readonly taskLog: TaskLog;
  /** The values of `env`, its references resolved. */
  readonly env: Readonly<Record<string, string>>;
  readonly secrets: readonly string[];
  /** What its program may hold at once. Undefined: as much as there is. */
  readonly memoryBytes: number | undefined;
  /** Numbers of the devices that are the attempt's own. */
  readonly gpus: readonly number[];
  /** Of an item's task, with its place from 0. */
  readonly item: JsonValue | undefined;
  readonly index: number | null;
  /** Once its program has ended: what it took. */
  readonly onUsage: (usage: ProgramUsage) => void;
}

export interface ProcessRunnerOptions {
  /** Attempts' directories lie below it. */
  readonly workdir: string;
  /** Of the project. */
  readonly root: string;
  readonly artifactFile: (digest: string) => Promise<string>;
  /** Files that the tasks before it left. */
  readonly artifactsBefore: (attempt: ProcessAttempt) => Promise<readonly RunArtifact[]>;
  readonly keepArtifacts: (attempt: ProcessAttempt, files: readonly LeftFile[]) => Promise<void>;
  readonly artifactLimits: ArtifactLimits;
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

/** The first shell stays until the program has ended and then tells what the kernel counted of it and of all that it waited for. */
const GATE = `
(trap '' TERM INT HUP; exec </dev/null >/dev/null 2>&1; read -r end <&3; kill -s KILL 0) &
read -r go || exit 125
exec </dev/null
{ echo 500 >/proc/self/oom_score_adj; } 2>/dev/null
trap : TERM INT HUP
(exec 3<&-; exec "$@")
code=$?
times >&3
exit $code
`;

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
  // Parameters and outputs are nobody else's business.
  await mkdir(home, { recursive: true, mode: 0o700 });
  await mkdir(directory);
  await mkdir(exchange);
  try {
    await unpack(task.bundle, directory, options.artifactFile);
    const outputsFile = join(exchange, 'outputs.json');
    const errorFile = join(exchange, 'error.txt');
    const artifacts = join(exchange, 'artifacts');
    const inputArtifacts = join(exchange, 'input-artifacts');
    await Promise.all([mkdir(artifacts), mkdir(inputArtifacts)]);
    await placeArtifacts(await options.artifactsBefore(attempt), inputArtifacts, options.artifactFile);
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
      ...(attempt.gpus.length === 0 ? {} : { CUDA_VISIBLE_DEVICES: devicesOf(attempt.gpus, options.variables) }),
      ...(attempt.index === null
        ? {}
        : { MLOPS_ITEM: JSON.stringify(attempt.item), MLOPS_INDEX: String(attempt.index) }),
      TRACEPARENT: attemptTraceParent(attempt, attempt.traceparent),
      ...(attempt.instant === null ? {} : { MLOPS_INSTANT: attempt.instant }),
      MLOPS_OUTPUTS: outputsFile,
      MLOPS_ERROR: errorFile,
      MLOPS_ARTIFACTS: artifacts,
      MLOPS_INPUT_ARTIFACTS: inputArtifacts,
      ...files,
      ...task.variables,
    };
    await execute(await argumentsOf(task, options), directory, env, attempt, options).catch(async (error: unknown) => {
      throw await explained(error, errorFile);
    });
    const left = [...(await leftFiles(artifacts)), ...(await declaredFiles(directory, task.artifacts ?? []))];
    await options.keepArtifacts(attempt, await withinLimits(left, options.artifactLimits));
    return await use({ directory, outputs: await readOutputs(outputsFile) });
  } finally {
    // Files of another account, say of a container: the task's end does not depend on them.
    await removeAttempt(options.workdir, attempt).catch((error: unknown) =>
      attempt.taskLog.write('system', `[what the program left cannot be removed: ${String(error)}]\n`),
    );
  }
}

async function argumentsOf(
  { command, interpreted }: ProcessTask,
  { root, variables }: ProcessRunnerOptions,
): Promise<readonly string[]> {
  if (typeof command === 'string') return ['/bin/sh', '-c', command];
  const [program = '', ...rest] = command;
  return interpreted === true ? [await findInterpreter(program, root, variables['PATH'] ?? ''), ...rest] : command;
}

/** Of the devices that this program itself may see. */
function devicesOf(gpus: readonly number[], variables: Readonly<Record<string, string | undefined>>): string {
  const own = variables['CUDA_VISIBLE_DEVICES']?.split(',').filter((device) => device !== '');
  return gpus.map((number) => own?.[number] ?? String(number)).join(',');
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
  const [stdin, stdout, stderr, lifeline] = child.stdio as unknown as [Writable, Readable, Readable, Duplex];
  // It vanishes with the program; a write that comes too late is no error.
  stdin.on('error', () => {});
  const exit = exitOf(child);
  const group = child.pid;
  if (group === undefined) {
    await exit;
    return;
  }
  options.onGroup(attempt, group);
  yieldToOthers(group);
  let overMemory: number | undefined;
  const watch = groupMeter.watch(group, (bytes) => {
    if (attempt.memoryBytes === undefined || bytes <= attempt.memoryBytes || overMemory !== undefined) return;
    overMemory = bytes;
    signalGroup(group, 'SIGKILL');
  });
  const told = textOf(lifeline);
  const output = Promise.all([capture(stdout, 'out', attempt), capture(stderr, 'err', attempt)]);
  const stop = (): void => {
    watch.look();
    stopGroup(group, exit, options.killGraceMs);
  };
  try {
    attempt.signal.addEventListener('abort', stop, { once: true });
    const pidStartedAt = processStartedAt(group) ?? 'unknown';
    const mayStart = await options.recordProcess(attempt, { pid: group, pidStartedAt });
    if (mayStart && !attempt.signal.aborted) stdin.end('go\n');
    else signalGroup(group, 'SIGKILL');
    const result = await exit;
    attempt.signal.throwIfAborted();
    if (!mayStart) throw new TaskFailure('crashed', null, 'the lease was lost before the program started');
    if (overMemory !== undefined) throw overLimit(overMemory, attempt.memoryBytes ?? 0);
    judge(result);
  } catch (error) {
    signalGroup(group, 'SIGKILL');
    await exit.catch(() => {});
    throw error;
  } finally {
    attempt.signal.removeEventListener('abort', stop);
    watch.look();
    // Whatever the program left behind in its group ends with it.
    signalGroup(group, 'SIGKILL');
    options.onGroup(attempt, null);
    const seen = watch.end();
    await settled(Promise.all([output, told]), [stdout, stderr, lifeline]);
    const counted = cpuSecondsOf(await told);
    attempt.onUsage({
      cpuSeconds: greatest(counted, seen?.cpuSeconds),
      peakMemoryBytes: seen?.peakMemoryBytes ?? null,
    });
  }
}

const NICE = 5;

/** Programs get what the daemon and its database leave: it stays quick, however much they compute. */
function yieldToOthers(group: number): void {
  try {
    setPriority(group, NICE);
  } catch {
    // It ended already, or this account may not.
  }
}

function overLimit(bytes: number, limit: number): TaskFailure {
  return new TaskFailure(
    'crashed',
    137,
    `the program was killed: it held ${sizeInWords(bytes)} of memory, over its limit of ${sizeInWords(limit)}`,
  );
}

/** Ends when the last process of the group has. A broken pipe ends it likewise. */
async function textOf(stream: Readable): Promise<string> {
  let text = '';
  try {
    for await (const chunk of stream) text += String(chunk);
  } catch {
    // What came before counts.
  }
  return text;
}

function greatest(a: number | null, b: number | undefined): number | null {
  return a === null && b === undefined ? null : Math.max(a ?? 0, b ?? 0);
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
