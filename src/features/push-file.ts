/**
 * A file of rows, pushed in batches: each is accepted whole or not at all, in the order of the file. What stops it says how
 * much was accepted, so that the rest can follow. Memory holds one batch.
 */
import { createReadStream, createWriteStream } from 'node:fs';
import { access, constants, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { MlopsError } from '../lib/error.ts';
import type { OfflineStore } from '../stores/offline.ts';
import type { TableFormat } from './file-format.ts';
import type { PushReport, PushTarget } from './push.ts';
import type { FlatRow, FlatRowOptions } from './pushed-rows.ts';
import type { RefusedRow } from './refused-rows.ts';
import { csvRows, jsonRows, type PlacedRow } from './text-rows.ts';

export interface PushFileRequest {
  readonly set: string;
  readonly from: { readonly file: string } | { readonly stream: Readable };
  readonly format: TableFormat;
  readonly to?: PushTarget | undefined;
  readonly extra?: FlatRowOptions['extra'];
  /** Rows of one batch. Default 5,000, or what 8 MiB of text hold. */
  readonly batchRows?: number | undefined;
  /** Rows at the beginning that were accepted before. Default 0. */
  readonly skip?: number | undefined;
}

export interface PushFileCall {
  readonly signal: AbortSignal;
  /** After each batch. */
  readonly onProgress?: (done: PushFileReport) => void;
}

export interface PushFileReport {
  /** Accepted now. */
  readonly rows: number;
  /** Of them newer than what was served. */
  readonly applied: number;
  /** Of them kept aside because they break an expectation. */
  readonly quarantined: number;
  readonly batches: number;
  readonly skipped: number;
}

export interface PushFileParts {
  readonly offline: Pick<OfflineStore, 'convert'>;
  readonly pushRows: (
    set: string,
    rows: readonly FlatRow[],
    options: FlatRowOptions & { readonly to?: PushTarget | undefined },
  ) => Promise<PushReport>;
}

const BATCH_ROWS = 5_000;
const BATCH_CHARACTERS = 8 * 2 ** 20;

export async function pushFile(
  parts: PushFileParts,
  request: PushFileRequest,
  call: PushFileCall,
): Promise<PushFileReport> {
  const { set, to, extra, batchRows = BATCH_ROWS, skip = 0 } = request;
  const text = request.format === 'csv';
  const place = request.format === 'parquet' ? 'row' : 'line';
  let done: PushFileReport = { rows: 0, applied: 0, quarantined: 0, batches: 0, skipped: 0 };
  let batch: PlacedRow[] = [];
  let size = 0;
  /** What is being pushed: an error then is of these rows. */
  let inHand: readonly PlacedRow[] = [];

  async function flush(): Promise<void> {
    if (batch.length === 0) return;
    if (call.signal.aborted) throw new MlopsError('AP106', { detail: 'Interrupted.' });
    inHand = batch;
    const { applied, quarantined } = await parts.pushRows(
      set,
      batch.map(({ row }) => row),
      { to, extra, text },
    );
    done = {
      ...done,
      rows: done.rows + batch.length,
      applied: done.applied + applied,
      quarantined: done.quarantined + quarantined,
      batches: done.batches + 1,
    };
    batch = [];
    inHand = [];
    size = 0;
    call.onProgress?.(done);
  }

  try {
    await withRows(parts, request, call.signal, async (rows) => {
      for await (const row of rows) {
        if (done.skipped < skip) {
          done = { ...done, skipped: done.skipped + 1 };
          continue;
        }
        batch.push(row);
        size += row.size;
        if (batch.length >= batchRows || size >= BATCH_CHARACTERS) await flush();
      }
      await flush();
    });
  } catch (error) {
    if (error instanceof MlopsError) throw stopped(error, done, inHand, place);
    throw error;
  }
  return done;
}

/** The same problem, with its lines, and with what stands and what does not. */
function stopped(
  error: MlopsError,
  { rows, skipped }: PushFileReport,
  batch: readonly PlacedRow[],
  place: 'line' | 'row',
): MlopsError {
  const told = (error.data?.['rows'] ?? []) as readonly RefusedRow[];
  const refused = Number(error.data?.['refused'] ?? 0);
  const lines = told.map(({ row, code, detail }) => ({ [place]: batch[row]?.line ?? null, code, detail }));
  const problems = told.slice(0, 5).map(({ row, detail }) => `${place} ${batch[row]?.line}: ${detail}`);
  const only = batch.length === 1 && !error.retryable ? `${place} ${batch[0]?.line}: ${error.detail}` : error.detail;
  const what =
    told.length === 0
      ? only
      : [
          ...problems,
          ...(refused > problems.length ? [`${refused - problems.length} further rows are refused too.`] : []),
        ].join('\n');
  const through = skipped + rows;
  const accepted =
    through === 0 ? 'No row was accepted.' : `The first ${through} rows of the file are accepted, nothing after them.`;
  const again = through === 0 ? undefined : `then push the rest: --skip ${through}`;
  return new MlopsError(error.code, {
    address: error.address,
    detail: `${what}\n${accepted}`,
    hint: [error.hint, again].filter((text) => text !== undefined).join('; ') || undefined,
    retryable: error.retryable,
    status: error.status,
    data: { accepted: through, ...(lines.length > 0 && { refused, rows: lines }) },
    cause: error,
  });
}

/** Parquet is read by the engine, which writes its rows as JSON lines beside. */
export async function withRows(
  { offline }: Pick<PushFileParts, 'offline'>,
  { from, format }: Pick<PushFileRequest, 'from' | 'format'>,
  signal: AbortSignal,
  use: (rows: AsyncIterable<PlacedRow>) => Promise<void>,
): Promise<void> {
  if (format === 'arrow') {
    throw new MlopsError('FS208', {
      detail: 'Rows are not read from Arrow streams.',
      hint: 'give a .csv, .parquet, .jsonl or .json file',
    });
  }
  if ('file' in from) {
    await access(from.file, constants.R_OK).catch((cause: unknown) => {
      throw new MlopsError('FS209', { detail: `The file ${from.file} cannot be read.`, cause });
    });
  }
  if (format !== 'parquet') {
    const bytes = 'file' in from ? createReadStream(from.file, { highWaterMark: 2 ** 18 }) : from.stream;
    await use((format === 'csv' ? csvRows : jsonRows)(bytes.setEncoding('utf8') as AsyncIterable<string>));
    return;
  }
  const scratch = await mkdtemp(join(tmpdir(), 'mlops-push-'));
  let lines: string | undefined;
  try {
    const file = 'file' in from ? from.file : join(scratch, 'stdin.parquet');
    if ('stream' in from) await pipeline(from.stream, createWriteStream(file), { signal });
    lines = await offline.convert(file, 'jsonl', [], signal).catch((cause: unknown) => {
      if (signal.aborted) throw cause;
      const why = cause instanceof Error ? cause.message : String(cause);
      throw new MlopsError('FS209', { detail: `It is no Parquet file that can be read: ${why}`, cause });
    });
    await use(jsonRows(createReadStream(lines).setEncoding('utf8') as AsyncIterable<string>));
  } finally {
    await rm(scratch, { recursive: true, force: true });
    if (lines !== undefined) await rm(lines, { force: true });
  }
}
