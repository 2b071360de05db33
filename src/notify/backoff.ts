/** When a delivery that failed is tried again. Pure. */

/** About three hours and a half in all: a receiver that is away over night is not tried until the morning, but listed as dead. */
export const TRIES = 14;
const FIRST_MS = 2_000;
const CAP_MS = 30 * 60_000;
/** A receiver may ask for more patience than that. */
const LONGEST_MS = 24 * 3_600_000;

/** After so many tries that failed; undefined: no more. `random` in [0, 1): half of the delay is left to it. */
export function retryDelayMs(tries: number, random: number, retryAfterMs: number | undefined): number | undefined {
  if (tries >= TRIES) return undefined;
  const delay = Math.min(CAP_MS, FIRST_MS * 2 ** (tries - 1));
  const jittered = delay / 2 + (delay / 2) * random;
  return Math.round(Math.min(LONGEST_MS, Math.max(jittered, retryAfterMs ?? 0)));
}
