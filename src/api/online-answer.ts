/**
 * The answer to a read of features as JSON, written as bytes. The names are the same in every row and from request to request, and by
 * far the most of what is written: they are made once, and what differs is put between them.
 */
import type { AlignedRow } from '../features/online-row.ts';
import { ByteWriter, type Piece, pieceOf } from './byte-writer.ts';
import { toJson } from './json.ts';

export interface AnswerNames {
  /** `"name":` of each feature that was asked for, each once; a comma before all but the first. */
  readonly members: readonly Piece[];
  /** The place of each among the features of the rows. */
  readonly places: readonly number[];
  /** All members with one text for each, by it: the last one of its kind. */
  readonly statuses: Repeated;
  readonly times: Repeated;
}

/** Mostly all features of a row have one status and one event time, and rows that were written together share them. */
interface Repeated {
  text: string | null | undefined;
  /** Where nobody can change it: another row often has the very same. */
  list: readonly (string | null)[] | undefined;
  bytes: Buffer;
}

const OPEN = Buffer.from('{"rows":[');
const ENTITY = Buffer.from('{"entity":');
const FEATURES = Buffer.from(',"features":{');
const STATUS = Buffer.from('},"status":{');
const TIMES = Buffer.from('},"event_time":{');
const ROW_END = Buffer.from('}}');
const COMMA = Buffer.from(',');
const CLOSE = Buffer.from(']}');
const NULL = Buffer.from('null');

export function answerNames(names: readonly string[]): AnswerNames {
  const places = new Map(names.map((name, at) => [name, at]));
  return {
    members: [...places.keys()].map((name, at) => pieceOf(`${at === 0 ? '' : ','}${JSON.stringify(name)}:`)),
    places: [...places.values()],
    statuses: { text: undefined, list: undefined, bytes: NULL },
    times: { text: undefined, list: undefined, bytes: NULL },
  };
}

/** `{"rows":[{"entity":…,"features":{…},"status":{…},"event_time":{…}},…]}`. */
export function writeAnswer(
  names: AnswerNames,
  entities: readonly Readonly<Record<string, unknown>>[],
  rows: readonly AlignedRow[],
): ByteWriter {
  const out = new ByteWriter();
  out.raw(OPEN);
  for (let index = 0; index < rows.length; index += 1) {
    const { values, statuses, eventTimes } = rows[index] as AlignedRow;
    if (index > 0) out.raw(COMMA);
    out.raw(ENTITY);
    out.text(toJson(entities[index]));
    out.raw(FEATURES);
    writeValues(out, names, values);
    out.raw(STATUS);
    writeTexts(out, names, names.statuses, statuses);
    out.raw(TIMES);
    writeTexts(out, names, names.times, eventTimes);
    out.raw(ROW_END);
    // The others are about as long.
    if (index === 0) out.room((rows.length - 1) * (out.length + 64));
  }
  out.raw(CLOSE);
  return out;
}

function writeValues(out: ByteWriter, { members, places }: AnswerNames, values: readonly unknown[]): void {
  for (let at = 0; at < places.length; at += 1) {
    out.piece(members[at] as Piece);
    const value = values[places[at] as number];
    if (typeof value === 'number' && Number.isFinite(value)) out.number(value);
    else if (value === null) out.raw(NULL);
    else out.text(toJson(value) ?? 'null');
  }
}

/** Statuses and times, or null: they have nothing in them that JSON escapes. */
function writeTexts(
  out: ByteWriter,
  { members, places }: AnswerNames,
  last: Repeated,
  texts: readonly (string | null)[],
): void {
  const one = texts === last.list ? last.text : theOne(texts);
  if (one !== undefined && one === last.text) {
    out.raw(last.bytes);
    return;
  }
  const from = out.length;
  for (let at = 0; at < places.length; at += 1) {
    out.piece(members[at] as Piece);
    const text = texts[places[at] as number] as string | null;
    if (text === null) out.raw(NULL);
    else out.quoted(text);
  }
  if (one === undefined) return;
  last.text = one;
  last.list = Object.isFrozen(texts) ? texts : undefined;
  last.bytes = Buffer.from(out.written().subarray(from));
}

/** What all of them are; undefined where they differ or there are none. */
function theOne<T>(values: readonly T[]): T | undefined {
  const first = values[0];
  for (let at = 1; at < values.length; at += 1) if (values[at] !== first) return undefined;
  return first;
}
