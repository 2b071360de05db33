/** Rounds of work one after another beside everything else: with a rest between them, sooner where somebody wakes them, and a last one at the end. */

export interface Rounds {
  start(): void;
  /** There is something to do: the rest is cut short. */
  wake(): void;
  /** Ends after one more round, which `hurry` shortens once stopping takes too long. Without a start there is none. */
  stop(): Promise<void>;
}

export interface RoundsOptions {
  /** One round; never throws. Answers for how long there is nothing to do. */
  readonly round: () => Promise<number>;
  /** Aborted while stopping takes too long: what is in hand is let go. */
  readonly hurry: AbortController;
  /** How long the end may take before that. Default 5 s. */
  readonly lastRoundMs?: number;
}

const LAST_ROUND_MS = 5_000;

export function createRounds({ round, hurry, lastRoundMs = LAST_ROUND_MS }: RoundsOptions): Rounds {
  let stopping = false;
  let woken = false;
  let endRest = (): void => {};
  let loop: Promise<void> | undefined;

  async function work(): Promise<void> {
    while (!stopping) {
      woken = false;
      const restMs = await round();
      if (!stopping && !woken) await rest(restMs);
    }
  }

  function rest(milliseconds: number): Promise<void> {
    return new Promise((resolve) => {
      const timer = setTimeout(resolve, milliseconds);
      endRest = () => {
        clearTimeout(timer);
        resolve();
      };
    });
  }

  function wake(): void {
    woken = true;
    endRest();
  }

  return {
    start: () => {
      loop ??= work();
    },
    wake,
    stop: async () => {
      if (loop === undefined) return;
      const limit = setTimeout(() => hurry.abort(), lastRoundMs);
      stopping = true;
      wake();
      await loop;
      loop = undefined;
      await round();
      clearTimeout(limit);
    },
  };
}
