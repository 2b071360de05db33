/** What a model answers of rows, kept beside them: as a table of the offline store, an artifact, and a file where one is wanted. */
import { once } from 'node:events';
import { createWriteStream } from 'node:fs';
import { copyFile, mkdir, mkdtemp, rename, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { basename, dirname, join, resolve } from 'node:path';
import { finished } from 'node:stream/promises';
import { MlopsError } from '../lib/error.ts';
import { problemOfOutput } from '../spec/output-file.ts';
import type { Dtype } from '../spec/schema-types.ts';
import type { ColumnBatch, OfflineStore } from '../stores/offline.ts';
import type { FeatureCall } from './definitions.ts';
import { fileFormat } from './file-format.ts';
import type { QueryResult } from './query-results.ts';
import { type AskedRows, type ReadRows, rowsToScore, type ScoringParts } from './rows-to-score.ts';
import { formatTimestamp } from './time.ts';

export interface ScoringRequest extends AskedRows {
  readonly batchRows: number;
  readonly pipeline: string;
  readonly task: string;
  /** Below the project's root. */
  readonly file?: string | undefined;
  readonly root: string;
}

/** What the model says of each row; undefined of one that it cannot answer. */
export type AnswerRows = (batch: ColumnBatch) => Promise<readonly (ScoredRow | undefined)[]>;

/** `prediction`: a class, or a value. */
export interface ScoredRow {
  readonly prediction?: number | string | undefined;
  readonly probability?: number | undefined;
  readonly values?: readonly number[] | undefined;
}

export interface ScoredRows {
  /** All of it as a table that stays as it is. */
  readonly result: QueryResult;
  /** The same as a Parquet file in the artifact store. */
  readonly artifact: { readonly digest: string; readonly bytes: number };
  readonly unanswered: number;
  readonly featureSetVersions: Readonly<Record<string, number>>;
  /** What was read of feature sets now, as it was asked for. */
  readonly joined: readonly string[];
}

const AT = 'predicted_at';
/** FS205 where a row cannot be asked for. */
export async function scoreRows(
  parts: ScoringParts,
  request: ScoringRequest,
  answer: AnswerRows,
  call: FeatureCall,
): Promise<ScoredRows> {
  const { offline, runFiles } = parts;
  const scratch = await mkdtemp(join(tmpdir(), 'mlops-scoring-'));
  const passing: string[] = [];
  try {
    const read = await rowsToScore(parts, request, call);
    if (read.isOurs) passing.push(read.path);
    const lines = join(scratch, 'answers.jsonl');
    const { added, unanswered } = await writeAnswers(offline, request, read, lines, answer, call);
    const wide = await offline.widen({ path: read.path, without: read.without, lines, added }, call.signal);
    passing.push(wide);
    const artifact = await runFiles.putFile(wide);
    const name = `${request.pipeline}~${request.task}`;
    const named = join(scratch, 'predictions.parquet');
    await copyFile(wide, named);
    const made = await offline.snapshot(
      { source: { name, file: basename(named) }, root: scratch, inputs: {}, lastDigest: null },
      call.signal,
    );
    if (made === undefined) throw new Error('a file that was never read before gives a snapshot');
    if (request.file !== undefined) await writeFor(offline, wide, request.file, request.root, call);
    const of = `pipeline.${request.pipeline} task ${request.task}`;
    return {
      result: { of, ...made, columns: [...made.columns], sources: read.sources },
      artifact,
      unanswered,
      featureSetVersions: read.featureSetVersions,
      joined: read.joined,
    };
  } finally {
    await rm(scratch, { recursive: true, force: true });
    for (const path of passing) await rm(path, { force: true });
  }
}

/** A line a row; what they hold says the types. */
async function writeAnswers(
  offline: OfflineStore,
  { batchRows, version, instant }: ScoringRequest,
  read: ReadRows,
  lines: string,
  answer: AnswerRows,
  call: FeatureCall,
) {
  const file = createWriteStream(lines);
  const failed = new Promise<never>((_, reject) => file.once('error', reject));
  failed.catch(() => {});
  const seen = { prediction: false, text: false, fraction: false, probability: false, values: false };
  const common = { model: version.model, model_version: version.version, [AT]: formatTimestamp(instant) };
  let rows = 0;
  let unanswered = 0;
  try {
    for await (const batch of offline.columnBatches(
      { path: read.path, columns: read.columns, batchRows },
      call.signal,
    )) {
      call.signal.throwIfAborted();
      const answers = await answer(batch);
      let text = '';
      for (let row = 0; row < batch.rows; row += 1) {
        const one = answers[row];
        if (one === undefined) unanswered += 1;
        seen.prediction ||= one?.prediction !== undefined;
        seen.text ||= typeof one?.prediction === 'string';
        seen.fraction ||= typeof one?.prediction === 'number' && !Number.isInteger(one.prediction);
        seen.probability ||= one?.probability !== undefined;
        seen.values ||= one?.values !== undefined;
        text += `${JSON.stringify({ ...one, ...common })}\n`;
      }
      if (!file.write(text)) await Promise.race([once(file, 'drain'), failed]);
      rows += batch.rows;
    }
    file.end();
    await finished(file);
  } finally {
    file.destroy();
  }
  call.log(`${rows} rows answered${unanswered === 0 ? '' : `, ${unanswered} of them not: features are missing`}`);
  const added: { readonly name: string; readonly dtype: Dtype }[] = [
    { name: 'prediction', dtype: seen.text ? 'string' : seen.fraction || !seen.prediction ? 'float64' : 'int64' },
    ...(seen.probability ? [{ name: 'probability', dtype: 'float64' as const }] : []),
    ...(seen.values ? [{ name: 'values', dtype: 'array<float64>' as Dtype }] : []),
    { name: 'model', dtype: 'string' },
    { name: 'model_version', dtype: 'int64' },
    { name: AT, dtype: 'timestamp' },
  ];
  return { added, unanswered };
}

/** Whole or not at all: it is written beside its place first. */
async function writeFor(
  offline: OfflineStore,
  parquet: string,
  file: string,
  root: string,
  call: FeatureCall,
): Promise<void> {
  const problem = problemOfOutput(file);
  if (problem !== undefined) throw new MlopsError('FS208', problem);
  const format = fileFormat(file);
  const target = resolve(root, file);
  const converted = format === 'parquet' ? undefined : await offline.convert(parquet, format, [], call.signal);
  const beside = `${target}.${process.pid}.writing`;
  try {
    await mkdir(dirname(target), { recursive: true });
    await copyFile(converted ?? parquet, beside);
    await rename(beside, target);
    call.log(`${file}: ${(await stat(target)).size} bytes`);
  } catch (cause) {
    await rm(beside, { force: true });
    throw new MlopsError('FS208', { detail: `The file ${file} cannot be written: ${(cause as Error).message}`, cause });
  } finally {
    if (converted !== undefined) await rm(converted, { force: true });
  }
}
