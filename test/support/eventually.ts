/** Waits for a condition: runs `attempt` until it does not throw, and answers what it answered. Fails with its last error. */
import { setTimeout as delay } from 'node:timers/promises';

export async function eventually<T>(attempt: () => Promise<T> | T, limitMs = 10_000, everyMs = 20): Promise<T> {
  const until = performance.now() + limitMs;
  for (;;) {
    try {
      return await attempt();
    } catch (error) {
      if (performance.now() > until) throw error;
    }
    await delay(everyMs);
  }
}
