/** Whether a value that was served and one that the offline store answers are the same, by the feature's type. */
import { canonicalJson } from '../../lib/canonical.ts';
import { parseTimestamp } from '../time.ts';

/** Both as JSON has them. */
export function sameValue(dtype: string, served: unknown, offline: unknown): boolean {
  if (served === null || served === undefined || offline === null || offline === undefined)
    return (served ?? null) === (offline ?? null);
  if (Array.isArray(served) && Array.isArray(offline)) {
    const item = dtype.startsWith('vector<') ? 'float32' : (/^array<(.+)>$/.exec(dtype)?.[1] ?? dtype);
    return served.length === offline.length && served.every((value, at) => sameValue(item, value, offline[at]));
  }
  switch (dtype) {
    case 'bool':
      return Number(served) === Number(offline);
    case 'float32':
      return Math.fround(Number(served)) === Math.fround(Number(offline));
    case 'int32':
    case 'int64':
    case 'float64':
      return Number(served) === Number(offline);
    case 'timestamp':
      return parseTimestamp(String(served)) === parseTimestamp(String(offline));
    case 'json':
      return canonicalJson(served) === canonicalJson(offline);
    default:
      return String(served) === String(offline);
  }
}
