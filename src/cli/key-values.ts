/** `--entity id=5 --param deep=true`: pairs as people type them. */
import { MlopsError } from '../lib/error.ts';

/** Texts by name. The first `=` parts; a value may hold more. */
export function keyValues(pairs: readonly string[], flag: string): Readonly<Record<string, string>> {
  const out: Record<string, string> = {};
  for (const pair of pairs) {
    const at = pair.indexOf('=');
    if (at <= 0) {
      throw new MlopsError('CL101', { detail: `"${pair}" is not NAME=VALUE.`, hint: `write ${flag} name=value` });
    }
    out[pair.slice(0, at)] = pair.slice(at + 1);
  }
  return out;
}

/** `true`, `12`, `1.5` become what they look like, unless the example is a text. */
export function scalarLike(text: string, example: unknown): string | number | boolean {
  if (typeof example === 'string') return text;
  if (text === 'true' || text === 'false') return text === 'true';
  return text.trim() !== '' && Number.isFinite(Number(text)) ? Number(text) : text;
}
