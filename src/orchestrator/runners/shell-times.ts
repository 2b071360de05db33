/** What a shell's `times` says: a line of the shell's own user and system time, and a line of that of all it waited for. */

/** Of what it waited for, in seconds. Null where the text is none of that. */
export function cpuSecondsOf(text: string): number | null {
  const parts = text.trim().split(/\s+/);
  if (parts.length !== 4) return null;
  const seconds = parts.slice(2).map(secondsOf);
  return seconds.some((value) => Number.isNaN(value)) ? null : seconds.reduce((sum, value) => sum + value, 0);
}

/** `1m2.34s`; some languages write a comma. */
function secondsOf(text: string): number {
  const [, minutes, seconds] = /^(\d+)m(\d+(?:[.,]\d+)?)s$/.exec(text) ?? [];
  return Number(minutes) * 60 + Number(seconds?.replace(',', '.'));
}
