/** The files of an attempt: its directory with the code bundle, and beside it what goes in and out as JSON. */
import { chmod, copyFile, mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { dirname, join, sep } from 'node:path';
import { invariant } from '../../lib/assert.ts';
import { MlopsError } from '../../lib/error.ts';
import type { JsonObject, JsonValue } from '../../lib/json.ts';
import type { CodeBundle } from '../../spec/canonical-specs.ts';
import { TaskFailure } from '../task-failure.ts';

interface AttemptName {
  readonly runId: string;
  readonly task: string;
  readonly attempt: number;
}

/** Under one deterministic name for an attempt. */
export function attemptDirectory(workdir: string, attempt: AttemptName): string {
  return join(workdir, 'runs', attempt.runId, attempt.task, String(attempt.attempt));
}

/** Fails where a program left what this account may not remove. */
export async function removeAttempt(workdir: string, attempt: AttemptName): Promise<void> {
  await rm(attemptDirectory(workdir, attempt), { recursive: true, force: true, maxRetries: 3 });
}

export async function unpack(
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

export async function writeFiles(
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

const OUTPUTS_LIMIT_BYTES = 1024 * 1024;

export async function readOutputs(file: string): Promise<JsonObject> {
  let text: string;
  try {
    text = await readFile(file, 'utf8');
  } catch (error) {
    if ((error as { code?: unknown }).code === 'ENOENT') return {};
    throw error;
  }
  return parseOutputs(text);
}

/** PL203 for what is not one JSON object of a bearable size. */
export function parseOutputs(text: string): JsonObject {
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

const ERROR_LIMIT_CHARACTERS = 2000;

/** A failure in the words that the program left of it. */
export async function explained(error: unknown, file: string): Promise<unknown> {
  if (!(error instanceof TaskFailure) || error.status !== 'failed') return error;
  const told = (await readFile(file, 'utf8').catch(() => '')).trim();
  return told === '' ? error : new TaskFailure(error.status, error.exitCode, told.slice(0, ERROR_LIMIT_CHARACTERS));
}
