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
}

export function answerNames(names: readonly string[]): AnswerNames {
  const places = new Map(names.map((name, at) => [name, at]));
  const members = [...places.keys()].map((name, at) => `${at === 0 ? '' : ','}${JSON.stringify(name)}:`);
  return { members, places: [...places.values()] };
}

/** `{"rows":[{"entity":…,"features":{…},"status":{…},"event_time":{…}},…]}`. */
export function answerText(
  names: AnswerNames,
  entities: readonly Readonly<Record<string, unknown>>[],
  rows: readonly AlignedRow[],
): string {
  let text = '{"rows":[';
  for (const [index, { values, statuses, eventTimes }] of rows.entries()) {
    text += `${index === 0 ? '' : ','}{"entity":${toJson(entities[index])},"features":{${membersText(names, values, valueText)}},"status":{${uniformText(names, statuses)}},"event_time":{${uniformText(names, eventTimes)}}}`;
  }
  return `${text}]}`;
}

function membersText<T>({ members, places }: AnswerNames, values: readonly T[], textOf: (value: T) => string): string {
  let text = '';
  for (let at = 0; at < places.length; at += 1)
    text += (members[at] as string) + textOf(values[places[at] as number] as T);
  return text;
}

/** Of one set all features have the same event time and mostly the same status. */
function uniformText(names: AnswerNames, values: readonly (string | null)[]): string {
  const [first = null] = values;
  for (const value of values) if (value !== first) return membersText(names, values, plainText);
  const text = plainText(first);
  return names.members.length === 0 ? '' : names.members.join(text) + text;
}

/** Statuses and times have nothing in them that JSON escapes. */
const plainText = (value: string | null): string => (value === null ? 'null' : `"${value}"`);

const valueText = (value: unknown): string =>
  typeof value === 'number' && Number.isFinite(value) ? String(value) : (toJson(value) ?? 'null');
