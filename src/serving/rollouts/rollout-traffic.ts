/**
 * What rollouts say of the traffic, as serving reads it: in memory, brought up to date by notifications and by polling behind them. While the
 * store is away, what it said last stands.
 */
import { oneAtATime } from '../../lib/one-at-a-time.ts';
import type { RolloutStore, RolloutTraffic } from '../../stores/control/rollouts.ts';

export interface RolloutTrafficReader {
  /** Of the newest rollout of the endpoint. Undefined: there was none yet, or it is not known yet. */
  of(endpoint: string): RolloutTraffic | undefined;
  /** Counts up with each change; 0: nothing was read yet. */
  readonly revision: number;
  start(): Promise<void>;
  refresh(): Promise<void>;
  close(): Promise<void>;
}

const POLL_MS = 2_000;

export function createRolloutTraffic(
  store: Pick<RolloutStore, 'traffic' | 'onChange'>,
  {
    pollMs = POLL_MS,
    onError = () => {},
    needed = () => true,
  }: {
    readonly pollMs?: number;
    readonly onError?: (error: unknown) => void;
    /** Whether any endpoint asks for a rollout: where none does the store is left alone. */
    readonly needed?: () => boolean;
  } = {},
): RolloutTrafficReader {
  let known: ReadonlyMap<string, RolloutTraffic> = new Map();
  let text = '';
  let revision = 0;
  const ends: (() => void | Promise<void>)[] = [];
  const reading = oneAtATime(async () => {
    const found = await store.traffic();
    const next = JSON.stringify(found);
    if (next === text) return;
    text = next;
    revision += 1;
    known = new Map(found.map((one) => [one.endpoint, one]));
  });
  const follow = (): void => {
    if (needed()) reading.run().catch(onError);
  };
  return {
    of: (endpoint) => known.get(endpoint),
    get revision() {
      return revision;
    },
    start: async () => {
      const timer = setInterval(follow, pollMs);
      ends.push(() => clearInterval(timer));
      const [listening] = await Promise.allSettled([store.onChange(follow)]);
      if (listening.status === 'fulfilled') ends.push(listening.value);
      if (needed()) await reading.run();
      // Polling goes on without it.
      if (listening.status === 'rejected') throw listening.reason;
    },
    refresh: reading.run,
    close: async () => {
      for (const end of ends.splice(0)) await end();
      await reading.settled();
    },
  };
}
