/** Formats of files with rows, by the ending of their names and by their media types. */
import { MlopsError } from '../lib/error.ts';
import type { ExportFormat } from '../stores/offline.ts';

export type TableFormat = 'parquet' | ExportFormat;

const ENDINGS: Readonly<Record<string, TableFormat>> = {
  parquet: 'parquet',
  arrow: 'arrow',
  arrows: 'arrow',
  csv: 'csv',
  json: 'json',
  jsonl: 'jsonl',
  ndjson: 'jsonl',
};

/** The first of a format is what an answer says. */
export const MEDIA_TYPES: readonly (readonly [string, TableFormat])[] = [
  ['application/json', 'json'],
  ['application/vnd.apache.arrow.stream', 'arrow'],
  ['application/vnd.apache.parquet', 'parquet'],
  ['application/x-parquet', 'parquet'],
  ['text/csv', 'csv'],
  ['application/x-ndjson', 'jsonl'],
  ['application/jsonl', 'jsonl'],
];

/** FS208 where the ending names none. */
export function fileFormat(path: string): TableFormat {
  const format = ENDINGS[/\.([^./\\]+)$/.exec(path)?.[1]?.toLowerCase() ?? ''];
  if (format !== undefined) return format;
  throw new MlopsError('FS208', {
    detail: `The ending of ${path} names no format.`,
    hint: 'end it in .parquet, .arrow, .csv, .jsonl or .json',
  });
}

/** What an Accept header prefers, JSON where it has no preference. FS208 (406) where it takes none of them. */
export function acceptedFormat(accept: string | undefined): TableFormat {
  const ranges = (accept ?? '*/*').split(',').map((part) => {
    const [range = '', ...parameters] = part.split(';').map((text) => text.trim().toLowerCase());
    const weight = parameters.find((parameter) => parameter.startsWith('q='))?.slice(2);
    return { range, weight: weight === undefined ? 1 : Number(weight) };
  });
  for (const { range } of ranges.filter(({ weight }) => weight > 0).sort((a, b) => b.weight - a.weight)) {
    const found = MEDIA_TYPES.find(
      ([type]) => range === type || range === '*/*' || range === `${type.slice(0, type.indexOf('/'))}/*`,
    );
    if (found !== undefined) return found[1];
  }
  throw new MlopsError('FS208', {
    detail: `None of ${accept} can be answered.`,
    hint: `accept ${MEDIA_TYPES.map(([type]) => type).join(', ')}`,
    status: 406,
  });
}
