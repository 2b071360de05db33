/** How many requests are answered at once. What comes beyond is refused at once rather than left to wait for what it would wait for in vain. */
import { MlopsError } from '../lib/error.ts';

export interface Admission {
  /** EP209 where there is no room. */
  admit<T>(answer: () => Promise<T>): Promise<T>;
  /** Since this process began. */
  refused(): number;
}

export function createAdmission(most: number): Admission {
  let running = 0;
  let refused = 0;
  const ended = (): void => {
    running -= 1;
  };
  return {
    admit: (answer) => {
      if (running >= most) {
        refused += 1;
        return Promise.reject(
          new MlopsError('EP209', {
            detail: `${running} predictions are under way, as many as are answered at once.`,
            hint: 'ask again in a moment, or start another daemon',
            status: 503,
            retryable: true,
          }),
        );
      }
      running += 1;
      let answered: ReturnType<typeof answer>;
      try {
        answered = answer();
      } catch (error) {
        ended();
        throw error;
      }
      answered.then(ended, ended);
      return answered;
    },
    refused: () => refused,
  };
}
