/**
 * Reads that come in the same turn of the event loop go to Redis as one: one command, one answer, whoever asked. They are sent
 * when everything that has arrived was looked at, so that nobody waits for others to come.
 */

export type ReadKeys = (keys: readonly string[]) => Promise<readonly (Buffer | null)[]>;

/** More keys of one read go by themselves, so that small reads do not wait for large ones. */
const MOST_JOINED = 100;

interface Waiting {
  readonly from: number;
  readonly to: number;
  readonly resolve: (found: readonly (Buffer | null)[]) => void;
  readonly reject: (reason: unknown) => void;
}

export function joinedReads(read: ReadKeys): ReadKeys {
  let keys: string[] = [];
  let waiting: Waiting[] = [];

  function send(): void {
    const [asked, by] = [keys, waiting];
    [keys, waiting] = [[], []];
    read(asked).then(
      (found) => {
        if (by.length === 1) by[0]?.resolve(found);
        else for (const { from, to, resolve } of by) resolve(found.slice(from, to));
      },
      (reason: unknown) => {
        for (const { reject } of by) reject(reason);
      },
    );
  }

  return (more) => {
    if (more.length > MOST_JOINED) return read(more);
    return new Promise((resolve, reject) => {
      if (waiting.length === 0) setImmediate(send);
      const from = keys.length;
      keys.push(...more);
      waiting.push({ from, to: keys.length, resolve, reject });
    });
  };
}
