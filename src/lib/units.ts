/** Durations `90s 15m 2h 7d 2w` and sizes `512Mi 2Gi`, as users write them. */

const DURATION_MS: Readonly<Record<string, number>> = {
  ms: 1,
  s: 1000,
  m: 60_000,
  h: 3_600_000,
  d: 86_400_000,
  w: 604_800_000,
};

export const DURATION_PATTERN = /^(\d+(?:\.\d+)?)(ms|s|m|h|d|w)$/;

/** Milliseconds. The shape was checked by the schema; anything else is our mistake. */
export function durationMs(text: string): number {
  const match = DURATION_PATTERN.exec(text);
  const unit = match?.[2] === undefined ? undefined : DURATION_MS[match[2]];
  if (match?.[1] === undefined || unit === undefined) throw new TypeError(`not a duration: ${text}`);
  return Math.round(Number(match[1]) * unit);
}

const SIZE_BYTES: Readonly<Record<string, number>> = {
  '': 1,
  k: 1e3,
  M: 1e6,
  G: 1e9,
  T: 1e12,
  Ki: 2 ** 10,
  Mi: 2 ** 20,
  Gi: 2 ** 30,
  Ti: 2 ** 40,
};

export const SIZE_PATTERN = /^(\d+(?:\.\d+)?)(Ki|Mi|Gi|Ti|k|M|G|T)?$/;

/** Bytes. */
export function sizeBytes(text: string): number {
  const match = SIZE_PATTERN.exec(text);
  const unit = SIZE_BYTES[match?.[2] ?? ''];
  if (match?.[1] === undefined || unit === undefined) throw new TypeError(`not a size: ${text}`);
  return Math.round(Number(match[1]) * unit);
}

/** Bytes as people read them: `640 KiB`, `1.5 GiB`. */
export function sizeInWords(bytes: number): string {
  const units = ['B', 'KiB', 'MiB', 'GiB', 'TiB'];
  let value = bytes;
  let unit = 0;
  while (value >= 1024 && unit < units.length - 1) {
    value /= 1024;
    unit += 1;
  }
  return `${value < 10 && unit > 0 ? value.toFixed(1) : Math.round(value)} ${units[unit]}`;
}

/** Seconds as people say them, to one unit or two: `40 s`, `3 min`, `2 h 5 min`, `3 d`. */
export function secondsInWords(seconds: number): string {
  const whole = Math.max(0, Math.round(seconds));
  if (whole < 60) return `${whole} s`;
  const minutes = Math.round(whole / 60);
  if (minutes < 60) return `${minutes} min`;
  const hours = Math.floor(minutes / 60);
  if (hours < 48) return minutes % 60 === 0 ? `${hours} h` : `${hours} h ${minutes % 60} min`;
  return `${Math.round(hours / 24)} d`;
}
