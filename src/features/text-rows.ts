/**
 * Rows of a text as it streams in, each with the line it begins on: CSV with a header, or JSON objects, one after the other or
 * in one array. Of the text no more is held than the row in hand.
 */
import { MlopsError } from '../lib/error.ts';
import { parseExactly } from '../lib/exact-json.ts';
import type { FlatRow } from './pushed-rows.ts';

export interface PlacedRow {
  /** From 1. */
  readonly line: number;
  readonly row: FlatRow;
  /** Characters that it was written in. */
  readonly size: number;
}

function unreadable(line: number, detail: string, hint?: string): MlopsError {
  return new MlopsError('FS209', { detail: `Line ${line}: ${detail}`, hint, status: 422 });
}

interface CsvRecord {
  readonly line: number;
  /** Null: empty, and not between quotes. */
  readonly fields: readonly (string | null)[];
  readonly size: number;
}

export async function* csvRows(text: AsyncIterable<string>): AsyncGenerator<PlacedRow> {
  let header: readonly string[] | undefined;
  for await (const { line, fields, size } of csvRecords(text)) {
    if (header === undefined) {
      header = fields.map((field) => (field ?? '').trim());
      const twice = header.find((name, at) => header?.indexOf(name) !== at);
      if (twice !== undefined) throw unreadable(line, `the header names the column "${twice}" twice.`);
      continue;
    }
    if (fields.length !== header.length) {
      throw unreadable(
        line,
        `it has ${fields.length} fields, the header ${header.length}.`,
        'fields are parted by commas; one that holds a comma stands between double quotes',
      );
    }
    yield { line, row: Object.fromEntries(header.map((name, at) => [name, fields[at]])), size };
  }
}

/** As RFC 4180 has them; empty lines are none. */
async function* csvRecords(text: AsyncIterable<string>): AsyncGenerator<CsvRecord> {
  let fields: (string | null)[] = [];
  let field = '';
  let state: 'start' | 'plain' | 'quoted' | 'closed' = 'start';
  let line = 1;
  let begun = 1;
  let size = 0;
  const endField = (): void => {
    fields.push(state === 'start' ? null : field);
    field = '';
    state = 'start';
  };
  const endRecord = (): CsvRecord | undefined => {
    const empty = fields.length === 0 && state === 'start';
    if (!empty) endField();
    const record = empty ? undefined : { line: begun, fields, size };
    fields = [];
    size = 0;
    return record;
  };
  for await (const chunk of text) {
    for (const char of chunk) {
      size += 1;
      if (state === 'quoted') {
        if (char === '"') state = 'closed';
        else field += char;
        if (char === '\n') line += 1;
      } else if (char === '\n') {
        const record = endRecord();
        line += 1;
        begun = line;
        if (record !== undefined) yield record;
      } else if (char === ',') endField();
      else if (char === '"' && state === 'start') state = 'quoted';
      else if (char === '"' && state === 'closed') {
        field += char;
        state = 'quoted';
      } else if (char === '\r' || (char === '\uFEFF' && line === 1)) continue;
      else if (state === 'closed') throw unreadable(line, `"${char}" follows a closing quote.`);
      else {
        field += char;
        state = 'plain';
      }
    }
  }
  if (state === 'quoted') throw unreadable(begun, 'a quote is opened and never closed.');
  const last = endRecord();
  if (last !== undefined) yield last;
}

export async function* jsonRows(text: AsyncIterable<string>): AsyncGenerator<PlacedRow> {
  let line = 1;
  let begun = 1;
  let depth = 0;
  let object = '';
  let inText = false;
  let escaped = false;
  for await (const chunk of text) {
    let from = 0;
    for (let at = 0; at < chunk.length; at += 1) {
      const char = chunk[at] as string;
      if (char === '\n') line += 1;
      if (depth === 0) {
        if (char === '{') {
          depth = 1;
          begun = line;
          from = at;
        } else if (!/[\s,[\]\uFEFF]/.test(char)) throw unreadable(line, `"${char}" begins no JSON object.`, ONE_A_ROW);
      } else if (inText) {
        if (escaped) escaped = false;
        else if (char === '\\') escaped = true;
        else if (char === '"') inText = false;
      } else if (char === '"') inText = true;
      else if (char === '{' || char === '[') depth += 1;
      else if (char === '}' || char === ']') {
        depth -= 1;
        if (depth > 0) continue;
        object += chunk.slice(from, at + 1);
        yield { line: begun, row: parsed(object, begun), size: object.length };
        object = '';
      }
    }
    if (depth > 0) object += chunk.slice(from);
  }
  if (depth > 0) throw unreadable(begun, 'an object is opened and never closed.');
}

const ONE_A_ROW = 'write one object a row, e.g. {"id": 1, "bili": 1.4}';
function parsed(object: string, line: number): FlatRow {
  try {
    return parseExactly(object) as FlatRow;
  } catch (error) {
    throw unreadable(line, `the object is not JSON: ${error instanceof Error ? error.message : String(error)}.`);
  }
}
