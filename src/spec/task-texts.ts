/** The texts of a task in which templates may stand, and what each is: said once, for the checks of the plan and for the run. */
import { isEnvRef } from '../lib/secret.ts';
import type { CanonicalTask } from './canonical-specs.ts';
import { pointerTo } from './locator.ts';
import type { QueryText } from './query-text.ts';

/** value: a whole text that is one template keeps the type of its value. */
export type TextPlace = 'text' | 'value' | 'sql' | 'shell' | 'url';

/** `pointer` is below the task's. Answers what stands there instead. */
export type TextMapper = (text: string, place: TextPlace, pointer: string) => unknown;

/** The task with every text put through the mapper. */
export function mapTaskTexts<T extends CanonicalTask>(task: T, map: TextMapper): T {
  const fields = TEXTS[task.operator];
  return fields === undefined ? task : (mappedFields({ ...task }, fields, '', map) as T);
}

/** The same of the query that gives a task its items: it is asked before there are any, so it reads none. */
export function mapItemsQuery(forEach: CanonicalTask['forEach'], map: TextMapper): QueryText | undefined {
  const query = itemsQuery(forEach);
  return query === undefined ? undefined : (mapped(query, 'sql', '/forEach/query', map) as QueryText);
}

/** Undefined where the items come from elsewhere. */
export function itemsQuery(forEach: CanonicalTask['forEach']): QueryText | undefined {
  return typeof forEach === 'object' && !Array.isArray(forEach) ? forEach.query : undefined;
}

function mappedFields(
  object: Readonly<Record<string, unknown>>,
  fields: Readonly<Record<string, Place>>,
  pointer: string,
  map: TextMapper,
): Readonly<Record<string, unknown>> {
  const changed: Record<string, unknown> = {};
  for (const [field, place] of Object.entries(fields)) {
    const value = object[field];
    if (value !== undefined) changed[field] = mapped(value, place, `${pointer}/${field}`, map);
  }
  return { ...object, ...changed };
}

type Place = TextPlace | 'command' | 'request';

const REQUEST = { url: 'url', query: 'text', headers: 'text', body: 'value', auth: 'text' } as const;
const PROGRAM = { env: 'text' } as const;

const TEXTS: { readonly [O in CanonicalTask['operator']]?: Readonly<Record<string, Place>> } = {
  sql_query: { query: 'sql' },
  batch_prediction: { query: 'sql', file: 'text' },
  training_dataset: { spine: 'sql' },
  command: { ...PROGRAM, command: 'command' },
  python: { ...PROGRAM, args: 'text' },
  typescript: PROGRAM,
  model_training: { ...PROGRAM, command: 'command', python: 'text', params: 'value' },
  wait_for: { file: 'text', http: 'request', query: 'sql' },
  run_pipeline: { params: 'value' },
  notify: { message: 'text', title: 'text' },
  http_request: REQUEST,
};

function mapped(value: unknown, place: Place, pointer: string, map: TextMapper): unknown {
  if (typeof value === 'string')
    return map(value, place === 'command' ? 'shell' : place === 'request' ? 'text' : place, pointer);
  if (typeof value !== 'object' || value === null || isEnvRef(value)) return value;
  if (place === 'request') return mappedFields(value as Readonly<Record<string, unknown>>, REQUEST, pointer, map);
  // Of a list the program gets each word as it is.
  const inner = place === 'command' ? 'text' : place;
  if (Array.isArray(value)) return value.map((item, index) => mapped(item, inner, pointerTo(pointer, index), map));
  return Object.fromEntries(
    Object.entries(value).map(([key, item]) => [key, mapped(item, inner, pointerTo(pointer, key), map)]),
  );
}
