/** Times in microseconds since 1970, UTC. A text without a zone is UTC. */
import { MlopsError } from '../lib/error.ts';

const TIMESTAMP =
  /^(\d{4})-(\d{2})-(\d{2})(?:[T ](\d{2}):(\d{2})(?::(\d{2})(?:[.,](\d{1,9}))?)?)?\s*(Z|z|UTC|[+-]\d{2}(?::?\d{2})?)?$/;

/** Undefined where the text is no time. Digits beyond the microsecond are cut off. */
export function parseTimestamp(text: string): bigint | undefined {
  const match = TIMESTAMP.exec(text.trim());
  if (match === null) return undefined;
  const [, year, month, day, hour = '00', minute = '00', second = '00', fraction = '', zone = 'Z'] = match;
  // Date.UTC would read the year 50 as 1950.
  const ms = Date.parse(`${year}-${month}-${day}T${hour}:${minute}:${second}.000Z`);
  const date = new Date(ms);
  // 31 February may be read as a day in March: what comes back must be what was written.
  const exact =
    date.getUTCMonth() + 1 === Number(month) &&
    date.getUTCDate() === Number(day) &&
    Number(hour) < 24 &&
    Number(minute) < 60 &&
    Number(second) < 60;
  if (!exact) return undefined;
  return BigInt(ms) * 1000n + BigInt(fraction.slice(0, 6).padEnd(6, '0')) - offsetMicros(zone);
}

function offsetMicros(zone: string): bigint {
  const match = /^([+-])(\d{2}):?(\d{2})?$/.exec(zone);
  if (match === null) return 0n;
  const minutes = Number(match[2]) * 60 + Number(match[3] ?? '0');
  return BigInt(match[1] === '-' ? -minutes : minutes) * 60_000_000n;
}

/** `2026-01-02T03:04:05.678900Z`: always six digits, so that texts order as times do. */
export function formatTimestamp(micros: bigint): string {
  if (micros !== formatted.micros) formatted = { micros, text: textOf(micros) };
  return formatted.text;
}

/** The last one: rows that are answered together often share their time. */
let formatted = { micros: 0n, text: '1970-01-01T00:00:00.000000Z' };

/** Beyond these a double does not tell single microseconds apart. */
const NEAR_MICROS = 2n ** 53n;
/** The text of a second up to its point, by the lowest bits of the second: those of now and of the last records come again and again. */
const KEPT_SECONDS = 64;
const seconds = new Array<{ readonly second: number; readonly text: string } | undefined>(KEPT_SECONDS);

function textOf(micros: bigint): string {
  if (micros < 0n || micros >= NEAR_MICROS) return textOfAny(micros);
  const all = Number(micros);
  const second = Math.floor(all / 1_000_000);
  const place = second % KEPT_SECONDS;
  let known = seconds[place];
  if (known?.second !== second) {
    known = { second, text: new Date(second * 1_000).toISOString().slice(0, -4) };
    seconds[place] = known;
  }
  return `${known.text}${String(all - second * 1_000_000).padStart(6, '0')}Z`;
}

function textOfAny(micros: bigint): string {
  const remainder = ((micros % 1000n) + 1000n) % 1000n;
  const ms = (micros - remainder) / 1000n;
  return new Date(Number(ms)).toISOString().replace('Z', `${String(remainder).padStart(3, '0')}Z`);
}

export function microsOf(date: Date): bigint {
  return BigInt(date.getTime()) * 1000n;
}

/** What a flag or a query says, in microseconds since 1970; null where it says nothing. API422 where it is no time. */
export function timeMicros(text: string | undefined, name: string): bigint | null {
  if (text === undefined) return null;
  const time = parseTimestamp(text);
  if (time !== undefined) return time;
  throw new MlopsError('API422', {
    detail: `${name} is no time: ${JSON.stringify(text)}.`,
    hint: 'write it like 2026-01-02T03:04:05Z',
  });
}
