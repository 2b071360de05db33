/**
 * The answer to a read of features as JSON text. The names are the same in every row and from request to request, and by far
 * the most of what is written: they are made once, and what differs is put between them.
 */
import type { AlignedRow } from '../features/online-reader.ts';
import { toJson } from './json.ts';

export interface AnswerNames {
  /** `"name":` of each feature that was asked for, each once; a comma before all but the first. */
  readonly members: readonly string[];
  /** The place of each among the features of the rows. */
  readonly places: readonly number[];
  /** Each member and a place for its value. Written anew for every row: one text is made of it at once, not of a hundred pieces. */
  readonly pieces: (string | number)[];
  /** Members that all have one status, by it. */
  readonly uniform: Map<string, string>;
  /** Members that all have one event time: the last, which rows that were written together share. */
  times: { readonly time: string | null; readonly text: string };
}

export function answerNames(names: readonly string[]): AnswerNames {
  const places = new Map(names.map((name, at) => [name, at]));
  const members = [...places.keys()].map((name, at) => `${at === 0 ? '' : ','}${JSON.stringify(name)}:`);
  return {
    members,
    places: [...places.values()],
    pieces: members.flatMap((member) => [member, 0]),
    uniform: new Map(),
    times: { time: null, text: repeated(members, 'null') },
  };
}

/** `{"rows":[{"entity":…,"features":{…},"status":{…},"event_time":{…}},…]}`. */
export function answerText(
  names: AnswerNames,
  entities: readonly Readonly<Record<string, unknown>>[],
  rows: readonly AlignedRow[],
): string {
  let text = '{"rows":[';
  for (let index = 0; index < rows.length; index += 1) {
    const { values, statuses, eventTimes } = rows[index] as AlignedRow;
    text += `${index === 0 ? '' : ','}{"entity":${toJson(entities[index])},"features":{${valuesText(names, values)}},"status":{${statusText(names, statuses)}},"event_time":{${timesText(names, eventTimes)}}}`;
  }
  return `${text}]}`;
}

export function valuesText({ pieces, places }: AnswerNames, values: readonly unknown[]): string {
  for (let at = 0; at < places.length; at += 1) {
    const value = values[places[at] as number];
    // A number is joined as JSON writes it; what is no number there is null.
    pieces[2 * at + 1] = typeof value === 'number' && Number.isFinite(value) ? value : (toJson(value) ?? 'null');
  }
  return pieces.join('');
}

/** Mostly the same for all. There are four of them. */
export function statusText(names: AnswerNames, statuses: readonly string[]): string {
  const one = theOne(statuses);
  if (one === undefined) return plainTexts(names, statuses);
  let text = names.uniform.get(one);
  if (text === undefined) {
    text = repeated(names.members, plainText(one));
    names.uniform.set(one, text);
  }
  return text;
}

/** Of one set all features have the same event time. */
export function timesText(names: AnswerNames, times: readonly (string | null)[]): string {
  const time = theOne(times);
  if (time === undefined) return plainTexts(names, times);
  if (names.times.time !== time) names.times = { time, text: repeated(names.members, plainText(time)) };
  return names.times.text;
}

/** What all of them are; undefined where they differ or there are none. */
function theOne<T>(values: readonly T[]): T | undefined {
  const first = values[0];
  for (let at = 1; at < values.length; at += 1) if (values[at] !== first) return undefined;
  return first;
}

const repeated = (members: readonly string[], text: string): string =>
  members.length === 0 ? '' : members.join(text) + text;

function plainTexts({ members, places }: AnswerNames, values: readonly (string | null)[]): string {
  let text = '';
  for (let at = 0; at < places.length; at += 1)
    text += (members[at] as string) + plainText(values[places[at] as number] as string | null);
  return text;
}

/** Statuses and times have nothing in them that JSON escapes. */
const plainText = (value: string | null): string => (value === null ? 'null' : `"${value}"`);
