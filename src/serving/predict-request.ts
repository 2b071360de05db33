/**
 * What a prediction is asked with: entities whose features are read online, inputs brought along, or both (then an input stands
 * in for the feature it names). Everything is checked before anything is read.
 */
import { MlopsError } from '../lib/error.ts';

export type Values = Readonly<Record<string, unknown>>;

export interface PredictRequest {
  /** Entity keys: one, or many. */
  readonly entities?: unknown;
  /** Features by `set.feature`, or by `feature` alone; or as a list of values in the order of the model's features. One row, or many. */
  readonly inputs?: unknown;
  /** About the request; holds the key where neither entity nor inputs do. */
  readonly context?: Values | undefined;
  /** Answered by this variant, whatever rules and split say. */
  readonly variant?: string | undefined;
  /** Answered by this version of a model that the endpoint names, whatever serves; the model may be left out where it names one. */
  readonly version?: { readonly model: string | undefined; readonly version: number } | undefined;
  /** Echoed, and logged. Default: a new one. */
  readonly requestId?: string | undefined;
}

export interface RequestRow {
  readonly entity: Values | undefined;
  readonly inputs: Values | readonly unknown[] | undefined;
}

const MOST_ROWS = 10_000;

/** API422 where neither or both do not match. */
export function readRows({ entities, inputs }: PredictRequest): readonly RequestRow[] {
  const entityRows = entities === undefined ? undefined : listOf(entities, 'entities', isRecord);
  const inputRows = inputs === undefined ? undefined : listOf(inputs, 'inputs', isInputRow);
  const count = entityRows?.length ?? inputRows?.length ?? 0;
  if (count === 0)
    throw refused(
      'give `entities` (keys whose features are read online) or `inputs` (the features themselves), at least one row',
      '',
    );
  if (count > MOST_ROWS) throw refused(`${count} rows are more than the ${MOST_ROWS} that one request may have`, '');
  if (entityRows !== undefined && inputRows !== undefined && entityRows.length !== inputRows.length) {
    throw refused(
      `there are ${entityRows.length} entities but ${inputRows.length} rows of inputs; they belong together by position`,
      '/inputs',
    );
  }
  return Array.from({ length: count }, (_, at) => ({ entity: entityRows?.[at], inputs: inputRows?.[at] }));
}

function listOf<T>(value: unknown, name: string, isRow: (value: unknown) => value is T): readonly T[] {
  if (isRecord(value) && isRow(value)) return [value];
  if (!Array.isArray(value)) throw refused(`\`${name}\` must be an object or a list of them`, `/${name}`);
  value.forEach((row, at) => {
    if (!isRow(row)) throw refused(`row ${at} of \`${name}\` is ${JSON.stringify(row)}`, `/${name}/${at}`);
  });
  return value as readonly T[];
}

function isRecord(value: unknown): value is Values {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function isInputRow(value: unknown): value is Values | readonly unknown[] {
  return isRecord(value) || Array.isArray(value);
}

function refused(detail: string, pointer: string): MlopsError {
  return new MlopsError('API422', {
    detail: `The prediction cannot be made: ${detail}.`,
    status: 422,
    data: { errors: [{ pointer, detail }] },
  });
}
