/** An answer within its time, or EP207. The work itself goes on to its end: a run of a model cannot be stopped half-way. */
import { MlopsError } from '../lib/error.ts';

/** `who`: for people, `the variant treatment`. No limit where `limitMs` is undefined. */
export function within<T>(limitMs: number | undefined, who: string, work: () => Promise<T>): Promise<T> {
  if (limitMs === undefined) return work();
  return new Promise<T>((resolve, reject) => {
    const timer = setTimeout(
      () =>
        reject(
          new MlopsError('EP207', {
            detail: `${who.replace(/^./, (first) => first.toUpperCase())} did not answer within ${limitMs} ms.`,
            hint: 'give it more time (`timeout`), or a `fallback` that answers instead',
            status: 504,
            retryable: true,
          }),
        ),
      limitMs,
    );
    void work()
      .then(resolve, reject)
      .finally(() => clearTimeout(timer));
  });
}
