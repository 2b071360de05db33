/**
 * What tasks share beyond a machine: slots of pools, the tasks of a pipeline at once, a team's part of everything. What is in
 * use is always the sum over live leases.
 */
import type { Demand } from './leases.ts';

export interface TeamLimit extends Demand {
  /** At once. */
  readonly tasks: number;
}

/** Of an environment. */
export interface Limits {
  /** Slots by pool. */
  readonly pools: Readonly<Record<string, number>>;
  readonly teams: Readonly<Record<string, Partial<TeamLimit>>>;
}

export const NO_LIMITS: Limits = { pools: {}, teams: {} };

/** What a task takes a share of. */
export interface Shares {
  /** Slots by pool. */
  readonly pools: Readonly<Record<string, number>>;
  readonly pipeline: string;
  /** Tasks of the pipeline at once; null: any number. */
  readonly pipelineTasks: number | null;
  /** Where the environment limits it. */
  readonly team: string | null;
  /** Of an item of a fan-out with a concurrency of its own: the run and the task, and how many at once. */
  readonly fanOut?: { readonly of: string; readonly limit: number };
}

export interface Share {
  /** Names what is shared, also among other runs and machines. */
  readonly key: string;
  readonly amount: number;
  /** False: the amount is of all the tasks whose demand was given together. */
  readonly perTask: boolean;
  /** Undefined: there is no such thing in this environment. Infinity: no limit. */
  readonly limit: number | undefined;
  /** For people: what one waits for. */
  readonly what: string;
}

/** Each thing that a task takes a share of, with its limit. */
export function sharesOf(shares: Shares, demand: Demand, limits: Limits): readonly Share[] {
  const found: Share[] = Object.entries(shares.pools).map(([pool, amount]) => ({
    key: `pool ${pool}`,
    amount,
    perTask: true,
    limit: Object.hasOwn(limits.pools, pool) ? limits.pools[pool] : undefined,
    what: `${amount === 1 ? 'a slot' : `${amount} slots`} of the pool ${pool}`,
  }));
  const { pipeline, pipelineTasks, team, fanOut } = shares;
  if (pipelineTasks !== null)
    found.push({
      key: `pipeline ${pipeline}`,
      amount: 1,
      perTask: true,
      limit: pipelineTasks,
      what: `other tasks of pipeline.${pipeline}: at most ${pipelineTasks} at once`,
    });
  if (fanOut !== undefined)
    found.push({
      key: `items ${fanOut.of}`,
      amount: 1,
      perTask: true,
      limit: fanOut.limit,
      what: `other items of the task: at most ${fanOut.limit} at once`,
    });
  if (team !== null) {
    const limit = Object.hasOwn(limits.teams, team) ? limits.teams[team] : undefined;
    const parts = { tasks: 1, cpu: demand.cpu, memoryBytes: demand.memoryBytes, gpu: demand.gpu };
    for (const part of ['tasks', 'cpu', 'memoryBytes', 'gpu'] as const) {
      found.push({
        key: `team ${team} ${part}`,
        amount: parts[part],
        perTask: part === 'tasks',
        limit: limit?.[part] ?? Number.POSITIVE_INFINITY,
        what: `what the team ${team} may use at once (${part === 'memoryBytes' ? 'memory' : part})`,
      });
    }
  }
  return found;
}
