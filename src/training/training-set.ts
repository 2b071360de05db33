/** A recorded training set as trainers need it: labels as numbers, features as columns or as a float32 matrix, the split. */
import { MlopsError } from '../lib/error.ts';
import { didYouMean } from '../lib/suggest.ts';
import { columnsOfDtype } from '../spec/dtype.ts';
import type { Matrix } from './matrix.ts';

/** The part of a recorded dataset that training reads; orchestrator/services.ts has the whole. */
export interface RecordedDataset {
  /** SHA-256 of the Parquet file in the artifact store. */
  readonly artifact: string;
  readonly features: readonly { readonly feature: string; readonly column: string; readonly dtype: string }[];
}

/** Reads columns of a Parquet artifact. Numbers come as Float64Array (NaN for null) or as values (null for null). */
export type ReadDataset = (
  artifact: string,
  columns: readonly string[],
  signal: AbortSignal,
) => Promise<{ readonly rows: number; readonly columns: Readonly<Record<string, ArrayLike<unknown>>> }>;

export const SPLIT_COLUMN = '__split';

export interface TrainingSet {
  readonly task: 'binary_classification' | 'regression';
  /** Of the rows that have a label. */
  readonly labels: Float64Array;
  /** `set.feature`, in order, and a column of values for each. */
  readonly features: readonly string[];
  readonly columns: readonly ArrayLike<unknown>[];
  readonly dtypes: readonly string[];
  /** How many columns of a matrix each feature fills. */
  readonly widths: readonly number[];
  readonly trainRows: Uint32Array;
  readonly testRows: Uint32Array;
  /** Rows left out because their label is null. */
  readonly unlabelled: number;
}

/** MD205 where the label is not a column, or nothing that can be learned. */
export async function readTrainingSet(
  read: ReadDataset,
  dataset: RecordedDataset,
  label: string,
  signal: AbortSignal,
): Promise<TrainingSet> {
  const names = dataset.features.map(({ column }) => column);
  const table = await read(dataset.artifact, [...new Set([...names, label, SPLIT_COLUMN])], signal);
  signal.throwIfAborted();
  const rawLabels = table.columns[label];
  const split = table.columns[SPLIT_COLUMN];
  if (rawLabels === undefined || split === undefined) throw unknownLabel(label, names);
  if (names.includes(label)) {
    throw new MlopsError('MD205', {
      detail: `The label "${label}" is also a feature: a model would only copy it.`,
      status: 422,
    });
  }

  const all = Float64Array.from({ length: table.rows }, (_, row) => labelNumber(rawLabels[row], label));
  const kept = Uint32Array.from({ length: table.rows }, (_, row) => row).filter((row) => !Number.isNaN(all[row]!));
  const labels = Float64Array.from(kept, (row) => all[row]!);
  const inSplit = (name: string): Uint32Array =>
    Uint32Array.from({ length: kept.length }, (_, at) => at).filter((at) => split[kept[at]!] === name);
  return {
    task: labels.every((value) => value === 0 || value === 1) ? 'binary_classification' : 'regression',
    labels,
    features: dataset.features.map(({ feature }) => feature),
    columns: names.map((name) => {
      const column = table.columns[name] ?? [];
      return Array.from(kept, (row) => column[row]);
    }),
    dtypes: dataset.features.map(({ dtype }) => dtype),
    widths: dataset.features.map(({ dtype }) => columnsOfDtype(dtype)),
    trainRows: inSplit('train'),
    testRows: inSplit('test'),
    unlabelled: table.rows - kept.length,
  };
}

/** The rows of these indices, a column each. */
export function columnsAt(set: TrainingSet, rows: Uint32Array): readonly ArrayLike<unknown>[] {
  return set.columns.map((column) => Array.from(rows, (row) => column[row]));
}

export function labelsAt(set: TrainingSet, rows: Uint32Array): Float64Array {
  return Float64Array.from(rows, (row) => set.labels[row]!);
}

/** float32, NaN where missing; an embedding fills a column for each of its numbers. MD205 names the features that are no numbers. */
export function matrixAt(set: TrainingSet, rows: Uint32Array): Matrix {
  const columns = set.widths.reduce((sum, width) => sum + width, 0);
  const values = new Float32Array(rows.length * columns);
  const texts = new Set<string>();
  let offset = 0;
  set.columns.forEach((column, at) => {
    // Read as numbers here, but the online store has times as texts, which no such model takes.
    if (set.dtypes[at] === 'timestamp' || set.dtypes[at] === 'date') texts.add(set.features[at]!);
    const width = set.widths[at]!;
    const first = offset;
    rows.forEach((row, index) => {
      const value = column[row];
      const start = index * columns + first;
      if (width > 1)
        for (let item = 0; item < width; item += 1)
          values[start + item] = featureNumber((value as ArrayLike<unknown> | null | undefined)?.[item]);
      else if (typeof value === 'string' || (typeof value === 'object' && value !== null)) texts.add(set.features[at]!);
      else values[start] = featureNumber(value);
    });
    offset += width;
  });
  if (texts.size > 0) {
    throw new MlopsError('MD205', {
      detail: `The built-in trainers take numbers, booleans and embeddings, but these features are none of them: ${[...texts].join(', ')}.`,
      hint: 'leave them out of the feature service, turn them into numbers by an expression, or train with a `command`',
      status: 422,
    });
  }
  return { rows: rows.length, columns, values };
}

/** What is not finite in float32 counts as missing. */
function featureNumber(value: unknown): number {
  if (value === null || value === undefined) return Number.NaN;
  const number = Math.fround(Number(value));
  return Number.isFinite(number) ? number : Number.NaN;
}

function labelNumber(value: unknown, label: string): number {
  if (value === null || value === undefined) return Number.NaN;
  if (typeof value === 'number' || typeof value === 'bigint' || typeof value === 'boolean') return Number(value);
  throw new MlopsError('MD205', {
    detail: `The label "${label}" holds ${JSON.stringify(String(value))}; it must be a number or a boolean.`,
    hint: `turn it into 0 and 1 in the spine, e.g. (${label} = '…')::int`,
    status: 422,
  });
}

function unknownLabel(label: string, known: readonly string[]): MlopsError {
  return new MlopsError('MD205', {
    detail: `The training set has no column "${label}" to learn as the label.`,
    hint: didYouMean(label, known) ?? 'name a column that the spine of the training set yields',
    status: 422,
  });
}
