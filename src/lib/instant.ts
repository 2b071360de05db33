/** Times as clients write them: ISO 8601, a date alone is its first moment, and a time without a zone is UTC. */

/** Undefined where the text is no time. */
export function parseInstant(text: string): Date | undefined {
  const match = /^(\d{4}-\d{2}-\d{2})(?:[T ](\d{2}:\d{2}(?::\d{2}(?:\.\d{1,9})?)?)\s*(Z|[+-]\d{2}:?\d{2})?)?$/i.exec(
    text.trim(),
  );
  if (match === null) return undefined;
  const [, date = '', time = '00:00', zone = 'Z'] = match;
  const at = new Date(`${date}T${time}${zone}`);
  return Number.isNaN(at.getTime()) ? undefined : at;
}

/** As the end of a range: a date alone is its last moment. */
export function parseLastInstant(text: string): Date | undefined {
  const at = parseInstant(text);
  const isDate = /^\d{4}-\d{2}-\d{2}$/.test(text.trim());
  return at === undefined || !isDate ? at : new Date(at.getTime() + 86_400_000 - 1);
}
