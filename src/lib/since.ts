/** A moment as people say it: a time, or how long ago. */
import { MlopsError } from './error.ts';
import { DURATION_PATTERN, durationMs } from './units.ts';

/** API400 for a text that is neither. */
export function sinceOf(text: string, now: Date): Date {
  if (DURATION_PATTERN.test(text)) return new Date(now.getTime() - durationMs(text));
  const at = new Date(/^\d{4}-\d{2}-\d{2}$/.test(text) ? `${text}T00:00:00Z` : text);
  if (/^\d{4}-/.test(text) && !Number.isNaN(at.getTime())) return at;
  throw new MlopsError('API400', {
    detail: `"${text}" is neither a time nor a duration.`,
    hint: '2026-01-31T02:00:00Z, 10m, 2h, 7d',
  });
}
