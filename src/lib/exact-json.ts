/** JSON whose integers have no end, as in Python. */

const TOKENS = /"(?:[^"\\]|\\.)*"|-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?/g;
const LONG_INTEGER = /^-?\d{16,}$/;
/** Stands before the digits of an integer while the rest is parsed; no text of a request may hold it. */
const MARK = '\0';

/** As JSON.parse, with integers beyond 2^53 as bigint. */
export function parseExactly(json: string): unknown {
  if (!/\d{16}/.test(json) || json.includes('\\u0000')) return JSON.parse(json) as unknown;
  const marked = json.replace(TOKENS, (token) => (LONG_INTEGER.test(token) ? `"\\u0000${token}"` : token));
  return JSON.parse(marked, (_key, value: unknown) => {
    if (typeof value !== 'string' || !value.startsWith(MARK)) return value;
    const number = Number(value.slice(1));
    return Number.isSafeInteger(number) ? number : BigInt(value.slice(1));
  }) as unknown;
}
