/**
 * What a request asks, whether it stands in the query or in the body, as protobuf reads JSON: names in snake or camel case, integers
 * also as text, enums by name or by number. What is empty is not there.
 */

import type { Texts } from '../../stores/control/tracked-values.ts';
import { RUN_STATUSES, type TrackedStatus, type View } from '../../stores/control/tracking.ts';
import type { Call } from '../route.ts';
import { badValue } from './errors.ts';

export interface Asked {
  readonly has: (name: string) => boolean;
  readonly text: (name: string) => string | undefined;
  readonly required: (name: string) => string;
  readonly integer: (name: string) => number | undefined;
  readonly double: (name: string) => number | undefined;
  readonly flag: (name: string) => boolean;
  readonly texts: (name: string) => readonly string[];
  readonly items: (name: string) => readonly Asked[];
  readonly item: (name: string) => Asked | undefined;
  /** `[{key, value}]`; of a key that is there twice the last counts. */
  readonly pairs: (name: string) => Texts;
}

export function askedOf(call: Pick<Call, 'query' | 'body' | 'params'>, method: string): Asked {
  let body = call.body;
  // Old clients write their JSON twice.
  if (typeof body === 'string') {
    try {
      body = JSON.parse(body) as unknown;
    } catch {
      throw badValue('The body is a text that is no JSON.');
    }
  }
  const given = method === 'GET' ? call.query : body;
  if (typeof given !== 'object' || given === null || Array.isArray(given))
    throw badValue('The body is no JSON object.');
  return asked({ ...(given as Record<string, unknown>), ...call.params }, '');
}

const camel = (name: string): string => name.replace(/_(\w)/g, (_, letter: string) => letter.toUpperCase());

function asked(fields: Readonly<Record<string, unknown>>, path: string): Asked {
  const value = (name: string): unknown => {
    const found = fields[name] ?? fields[camel(name)];
    return found === null ? undefined : found;
  };
  const wrong = (name: string, wanted: string) =>
    badValue(`The parameter '${path}${name}' is ${wanted}, not ${JSON.stringify(value(name))}.`);
  const text = (name: string): string | undefined => {
    const found = value(name);
    if (found === undefined || found === '') return undefined;
    if (typeof found === 'number' || typeof found === 'boolean') return String(found);
    if (typeof found !== 'string') throw wrong(name, 'a text');
    return found;
  };
  const double = (name: string): number | undefined => {
    const found = value(name);
    if (found === undefined || found === '') return undefined;
    if (found === 'NaN') return Number.NaN;
    const number = typeof found === 'string' || typeof found === 'number' ? Number(found) : Number.NaN;
    if (Number.isNaN(number)) throw wrong(name, 'a number');
    return number;
  };
  const list = (name: string): readonly unknown[] => {
    const found = value(name);
    if (found === undefined) return [];
    // In a query one value is a list too.
    return Array.isArray(found) ? found : [found];
  };
  const object = (name: string, found: unknown, at: string): Asked => {
    if (typeof found !== 'object' || found === null || Array.isArray(found)) throw wrong(name, 'made of objects');
    return asked(found as Record<string, unknown>, at);
  };
  const items = (name: string): readonly Asked[] =>
    list(name).map((found, index) => object(name, found, `${path}${name}[${index}].`));
  const required = (name: string): string => {
    const found = text(name);
    if (found === undefined) throw badValue(`Missing value for required parameter '${path}${name}'.`);
    return found;
  };
  return {
    has: (name) => value(name) !== undefined,
    text,
    required,
    double,
    integer: (name) => {
      const number = double(name);
      if (number !== undefined && !Number.isInteger(number)) throw wrong(name, 'an integer');
      return number;
    },
    flag: (name) => {
      const found = value(name);
      if (found === undefined || found === false || found === 'false') return false;
      if (found === true || String(found).toLowerCase() === 'true') return true;
      throw wrong(name, 'true or false');
    },
    texts: (name) =>
      list(name).map((found) => {
        if (typeof found !== 'string' && typeof found !== 'number') throw wrong(name, 'a list of texts');
        return String(found);
      }),
    items,
    item: (name) => (value(name) === undefined ? undefined : object(name, value(name), `${path}${name}.`)),
    pairs: (name) => Object.fromEntries(items(name).map((item) => [item.required('key'), item.text('value') ?? ''])),
  };
}

const VIEWS: readonly View[] = ['active', 'deleted', 'all'];

export function viewOf(asked: Asked, name: string): View {
  const text = asked.text(name);
  if (text === undefined) return 'active';
  const view = VIEWS.find(
    (known, index) => text === String(index + 1) || text.toLowerCase() === (known === 'all' ? 'all' : `${known}_only`),
  );
  if (view === undefined) throw badValue(`The parameter '${name}' is ACTIVE_ONLY, DELETED_ONLY or ALL, not ${text}.`);
  return view;
}

export function statusOf(text: string): TrackedStatus {
  const status = RUN_STATUSES.find((known, index) => known === text || String(index + 1) === text);
  if (status === undefined) throw badValue(`The status is one of ${RUN_STATUSES.join(', ')}, not ${text}.`);
  return status;
}

/** How many results at most. */
export function limitOf(
  asked: Asked,
  { most, otherwise }: { readonly most: number; readonly otherwise: number },
): number {
  const limit = asked.integer('max_results') ?? otherwise;
  if (limit < 1 || limit > most)
    throw badValue(`Invalid value ${limit} for parameter 'max_results': it is from 1 to ${most}.`);
  return limit;
}

/** Pages begin where their token says, which is made as MLflow makes it. */
export function offsetOf(asked: Asked): number {
  const token = asked.text('page_token');
  if (token === undefined) return 0;
  try {
    const { offset } = JSON.parse(Buffer.from(token, 'base64').toString()) as { offset?: unknown };
    if (Number.isSafeInteger(Number(offset)) && Number(offset) > 0) return Number(offset);
  } catch {
    // As below.
  }
  throw badValue('The page token is not one that a search answered.');
}

/** Nothing where there is no further page. */
export const nextPage = (more: boolean, offset: number): { readonly next_page_token?: string } =>
  more ? { next_page_token: Buffer.from(JSON.stringify({ offset })).toString('base64') } : {};
