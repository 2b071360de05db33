/** Pools as people look at them. Pure. */
import type { Limits } from '../stores/control/limits.ts';
import type { RunStore } from '../stores/control/runs.ts';

export interface PoolUse {
  readonly name: string;
  /** Null: tasks ask for it, and the environment does not have it. */
  readonly slots: number | null;
  /** The sum over live leases. */
  readonly used: number;
  /** Slots that ready tasks ask for. */
  readonly waiting: number;
}

export function poolsInUse(limits: Limits, uses: Awaited<ReturnType<RunStore['sharesInUse']>>): readonly PoolUse[] {
  const asked = uses.flatMap(({ shares }) => Object.keys(shares.pools));
  const sum = (name: string, of: 'running' | 'waiting'): number =>
    uses.reduce((total, { shares, state, tasks }) => total + (state === of ? (shares.pools[name] ?? 0) * tasks : 0), 0);
  return [...new Set([...Object.keys(limits.pools), ...asked])].sort().map((name) => ({
    name,
    slots: limits.pools[name] ?? null,
    used: sum(name, 'running'),
    waiting: sum(name, 'waiting'),
  }));
}
