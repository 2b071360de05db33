/**
 * How far an apply is, and how long the rest takes at the pace so far. Pure: the time comes in.
 *
 *   pace      = (steps that were worked off + what those in hand are through) / time since the start
 *   time left = steps left / pace
 *
 * A step in hand counts as through by its age over the mean of those that ended, nine tenths at most: it has not ended yet.
 */
import type { Address } from '../spec/address.ts';

export interface Progress {
  /** Steps that nothing more is done about: they ended, failed or are skipped. */
  readonly done: number;
  readonly total: number;
  /** Whole seconds; null before the first step has ended. */
  readonly etaSeconds: number | null;
}

export interface Pace {
  started(address: Address, nowMs: number): void;
  /** The step in hand of that address, done or failed. */
  ended(address: Address, nowMs: number): void;
  /** Steps that will not be worked off. */
  dropped(steps: number): void;
  at(nowMs: number): Progress;
}

export function createPace(total: number, startedAtMs: number): Pace {
  const inHand = new Map<Address, number>();
  let worked = 0;
  let workedMs = 0;
  let left = total;

  function etaSeconds(nowMs: number): number | null {
    if (left === 0) return 0;
    if (worked === 0) return null;
    const mean = workedMs / worked;
    let through = 0;
    if (mean > 0) for (const since of inHand.values()) through += Math.min(0.9, Math.max(0, nowMs - since) / mean);
    const perStepMs = Math.max(0, nowMs - startedAtMs) / (worked + through);
    return Math.ceil(((left - through) * perStepMs) / 1000);
  }

  return {
    started: (address, nowMs) => void inHand.set(address, nowMs),
    ended: (address, nowMs) => {
      workedMs += Math.max(0, nowMs - (inHand.get(address) ?? nowMs));
      inHand.delete(address);
      worked += 1;
      left -= 1;
    },
    dropped: (steps) => {
      left -= steps;
    },
    at: (nowMs) => ({ done: total - left, total, etaSeconds: etaSeconds(nowMs) }),
  };
}
