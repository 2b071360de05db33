/**
 * Seeded pseudo-random numbers, so that the same data, settings and seed always make the same model.
 * mulberry32 (Tommy Ettinger, 2017, public domain): 32 bits of state, passes gjrand; not for secrets.
 */
export interface Random {
  /** Uniform in [0, 1). */
  next(): number;
  /** Uniform integer in [0, n). */
  below(n: number): number;
}

export function seededRandom(seed: number): Random {
  let state = seed >>> 0;
  const next = (): number => {
    state = (state + 0x6d2b79f5) >>> 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 4_294_967_296;
  };
  return { next, below: (n) => Math.floor(next() * n) };
}

/** The first `count` of a random order of `items` (Fisher–Yates, stopped early). `items` is reordered in place. */
export function shuffleFirst(items: Uint32Array, count: number, random: Random): Uint32Array {
  const taken = Math.min(count, items.length);
  for (let i = 0; i < taken; i += 1) {
    const j = i + random.below(items.length - i);
    const swapped = items[i]!;
    items[i] = items[j]!;
    items[j] = swapped;
  }
  return items.subarray(0, taken);
}
