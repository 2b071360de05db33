/** The events of all runs as they come, whoever runs them. */
import { pause } from '../lib/pause.ts';
import type { FeedEvent, FeedFilter, RunFeed } from '../stores/control/run-feed.ts';
import { createWakeup, type Hints, isAway } from './waiting.ts';

export interface FeedOptions {
  readonly filter: FeedFilter;
  /** Undefined: from now on. */
  readonly after?: string | undefined;
  readonly signal: AbortSignal;
}

/** What came, and where the reader is then; where nothing came for it, that alone, now and then. */
export interface FeedPart {
  readonly position: string;
  readonly events: readonly FeedEvent[];
}

const POLL_MS = 1_000;
const EVENTS_AT_ONCE = 500;
/** Hints come in crowds: what they tell of is read together. */
const REST_MS = 100;
/** How often a reader for whom nothing comes is told where it is. */
const TELL_MS = 10_000;
/** A store that is away so long is not waited for any more. */
const AWAY_MS = 300_000;

/** The first part comes at once: nothing is missed from there on. API400 for a position that is none. */
export async function* followFeed(
  feed: RunFeed,
  hints: Hints,
  { filter, after, signal }: FeedOptions,
): AsyncGenerator<FeedPart, void, undefined> {
  const wakeup = createWakeup();
  const end = hints.subscribe((hint) => {
    if (hint.kind !== 'log') wakeup.wake();
  });
  signal.addEventListener('abort', end, { once: true });
  try {
    let position = after ?? (await feed.now());
    let toldAt = Number.NEGATIVE_INFINITY;
    let awaySince: number | undefined;
    while (!signal.aborted) {
      const found = await feed.after(position, filter, EVENTS_AT_ONCE).catch((error: unknown) => {
        // Who has begun to read waits with us; who has not is told at once.
        const since = awaySince ?? performance.now();
        if (toldAt === Number.NEGATIVE_INFINITY || !isAway(error) || performance.now() - since > AWAY_MS) throw error;
        awaySince = since;
        return undefined;
      });
      if (found !== undefined) {
        awaySince = undefined;
        position = found.position;
        if (found.events.length > 0 || performance.now() - toldAt >= TELL_MS) {
          toldAt = performance.now();
          yield found;
        }
        if (found.more) continue;
      }
      await pause(REST_MS, signal);
      await wakeup.wait(POLL_MS, signal);
    }
  } finally {
    signal.removeEventListener('abort', end);
    end();
  }
}
