/**
 * The short form of a feature set: `{name, features: [name or {name, dtype, …}]}`. It has no source, so its rows come by push.
 * What it leaves out: the entity is one untyped key, a feature without a dtype holds any JSON value, the event time is `event_time`.
 */

/** Made when the first set without an entity is. Its key is a text; whole numbers are taken as their text. */
export const UNTYPED_ENTITY = {
  name: 'untyped',
  keys: { entity_id: 'string' },
  description: 'The entity of feature sets that were made over HTTP without one.',
} as const;

type Fields = Readonly<Record<string, unknown>>;

const ANY_DTYPE = 'json';

/** A set with `source` or `query` is as in YAML and stays as it is; so does what is no set at all, for the check to report. */
export function longForm(body: unknown): Fields {
  if (!isFields(body)) return {};
  if (body['source'] !== undefined || body['query'] !== undefined) return body;
  const timed = body['eventTime'] !== undefined || body['event_time'] !== undefined;
  return {
    ...body,
    push: body['push'] ?? true,
    entity: body['entity'] ?? UNTYPED_ENTITY.name,
    ...(!timed && { eventTime: 'event_time' }),
    features: Array.isArray(body['features']) ? body['features'].map(longFeature) : body['features'],
  };
}

function longFeature(written: unknown): unknown {
  if (typeof written === 'string') return { name: written, dtype: ANY_DTYPE };
  return isFields(written) ? { ...written, dtype: written['dtype'] ?? ANY_DTYPE } : written;
}

/** Key values as they are looked up: a number sent for an untyped key means its text. Numeric keys read digits as well. */
export function untypedKey(entity: Fields): Fields {
  const value = entity['entity_id'];
  return typeof value === 'number' && Number.isSafeInteger(value) ? { ...entity, entity_id: String(value) } : entity;
}

function isFields(value: unknown): value is Fields {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
