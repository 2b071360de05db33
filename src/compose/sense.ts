/** What triggers look at: files of this machine, what an address answers, a Postgres of the user's. */
import { isAbsolute } from 'node:path';
import { sha256 } from '../lib/canonical.ts';
import { MlopsError } from '../lib/error.ts';
import type { JsonObject, JsonValue } from '../lib/json.ts';
import { resolveEnv } from '../lib/secret.ts';
import type { Sense } from '../orchestrator/triggers.ts';
import type { Trigger } from '../spec/schema-types.ts';
import { listingOf, type SourceFile, sourceFiles } from '../spec/source-files.ts';
import type { Sensed } from '../stores/control/triggers.ts';

/** Of so many files each is remembered; of more only that something changed. */
const FILES_REMEMBERED = 1000;
const FILES_NAMED = 20;
const ANSWERS_WITHIN_MS = 15_000;

export function createSense(root: () => string): Sense {
  return async (trigger, seen, signal) => {
    if (trigger.file === undefined) return senseDatabase(trigger, seen, signal);
    return /^https?:\/\//.test(trigger.file)
      ? senseAddress(trigger.file, seen, signal)
      : senseFiles(root(), trigger.file, seen);
  };
}

function senseFiles(root: string, file: string, before: JsonValue): Sensed {
  const files = sourceFiles(root, file);
  const stamps = Object.fromEntries(files.map((one) => [one.path, `${one.size} ${one.modifiedMs}`]));
  const seen = {
    digest: sha256(listingOf(files)),
    ...(files.length <= FILES_REMEMBERED && { files: stamps }),
  };
  const [newest] = [...files].sort((a: SourceFile, b: SourceFile) => b.modifiedMs - a.modifiedMs);
  const known = (before as { files?: Readonly<Record<string, string>> } | null)?.files;
  const changed = known === undefined ? [] : files.filter(({ path }) => known[path] !== stamps[path]);
  const gone = known === undefined ? [] : Object.keys(known).filter((path) => stamps[path] === undefined);
  return {
    seen,
    detail: {
      file,
      absolute: isAbsolute(file),
      files: files.length,
      newest: newest?.path ?? null,
      changed: changed.slice(0, FILES_NAMED).map(({ path }) => path),
      gone: gone.slice(0, FILES_NAMED),
    },
  };
}

async function senseAddress(address: string, before: JsonValue, signal: AbortSignal): Promise<Sensed> {
  const limit = AbortSignal.any([signal, AbortSignal.timeout(ANSWERS_WITHIN_MS)]);
  const answer = await fetch(address, { method: 'HEAD', signal: limit }).catch((error: unknown) => {
    signal.throwIfAborted();
    throw new MlopsError('PL242', { detail: `${hostOf(address)} does not answer.`, retryable: true, cause: error });
  });
  const mark = answer.headers.get('etag') ?? answer.headers.get('last-modified');
  if (!answer.ok || mark === null) {
    throw new MlopsError('PL242', {
      detail: `${hostOf(address)} answers ${answer.status}${answer.ok ? ' without ETag and Last-Modified' : ''}: whether it changed cannot be told.`,
    });
  }
  return { seen: { mark }, detail: { file: address, before: markOf(before), after: mark } };
}

const markOf = (seen: JsonValue): JsonValue => (seen as { mark?: string } | null)?.mark ?? null;

function hostOf(address: string): string {
  return URL.canParse(address) ? new URL(address).host : 'The address';
}

async function senseDatabase(trigger: Trigger, before: JsonValue, signal: AbortSignal): Promise<Sensed> {
  const { senseTable } = await import('../stores/postgres/sense-table.ts');
  const seen = await senseTable(resolveEnv(trigger.database ?? '', process.env), trigger, signal);
  const value = (before as JsonObject | null)?.['value'] ?? null;
  return {
    seen,
    detail: {
      ...(trigger.table !== undefined && { table: trigger.table }),
      before: value,
      after: seen['value'] ?? null,
    },
  };
}
