/**
 * The same answer as `answerText`, as bytes. Short answers share slabs of memory: what does not differ from row to row is copied
 * from bytes that were made before, and little is left behind for the garbage collector.
 */
import type { AlignedRow } from '../features/online-reader.ts';
import { toJson } from './json.ts';
import { type AnswerNames, answerText, statusText, timesText, valuesText } from './online-answer.ts';

const SLAB_BYTES = 2 ** 20;
/** Longer ones have memory of their own. */
const LONGEST_SHARED = 2 ** 16;
/** A character of a text in UTF-8 at most. */
const BYTES_A_CHARACTER = 3;

let slab = Buffer.alloc(0);
let used = 0;

/** The texts of the last rows as bytes: most rows have them in common. */
interface Kept {
  text: string;
  bytes: Buffer;
}
const NOTHING: Kept = { text: '', bytes: Buffer.alloc(0) };
const kept = new WeakMap<AnswerNames, { readonly status: Kept; readonly times: Kept }>();

export function answerBytes(
  names: AnswerNames,
  entities: readonly Readonly<Record<string, unknown>>[],
  rows: readonly AlignedRow[],
): Buffer {
  const [row] = rows;
  if (row === undefined || rows.length > 1) return Buffer.from(answerText(names, entities, rows));
  const head = `{"rows":[{"entity":${toJson(entities[0])},"features":{${valuesText(names, row.values)}},"status":{`;
  const status = bytesOf(names, 'status', statusText(names, row.statuses));
  const times = bytesOf(names, 'times', timesText(names, row.eventTimes));
  const most = head.length * BYTES_A_CHARACTER + status.length + times.length + 32;
  if (most > LONGEST_SHARED) return Buffer.from(answerText(names, entities, rows));
  if (used + most > slab.length) {
    slab = Buffer.allocUnsafeSlow(SLAB_BYTES);
    used = 0;
  }
  const from = used;
  let at = from + slab.write(head, from, 'utf8');
  at += status.copy(slab, at);
  at += slab.write('},"event_time":{', at, 'latin1');
  at += times.copy(slab, at);
  at += slab.write('}}]}', at, 'latin1');
  used = at;
  return slab.subarray(from, at);
}

function bytesOf(names: AnswerNames, part: 'status' | 'times', text: string): Buffer {
  let own = kept.get(names);
  if (own === undefined) {
    own = { status: { ...NOTHING }, times: { ...NOTHING } };
    kept.set(names, own);
  }
  const last = own[part];
  if (last.text !== text) {
    last.text = text;
    last.bytes = Buffer.from(text);
  }
  return last.bytes;
}
