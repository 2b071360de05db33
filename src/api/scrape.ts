/**
 * Gathers the figures of an answer: what is counted in this process, and what parts have to ask others for. A part that fails or takes too
 * long is left out and told of, so that a scrape is answered in time whatever is away; it is asked once at a time.
 */
import { type Family, gauge } from './metrics.ts';

export interface ScrapePart {
  readonly name: string;
  readonly read: (withinMs: number) => Promise<readonly Family[]>;
}

const WITHIN_MS = 1_500;

export function createScrape(parts: readonly ScrapePart[], withinMs = WITHIN_MS): () => Promise<readonly Family[]> {
  const underWay = new Map<string, Promise<readonly Family[]>>();

  function reading({ name, read }: ScrapePart): Promise<readonly Family[]> {
    const running = underWay.get(name);
    if (running !== undefined) return running;
    const begun = read(withinMs).finally(() => underWay.delete(name));
    begun.catch(() => {});
    underWay.set(name, begun);
    return begun;
  }

  async function readInTime(part: ScrapePart) {
    const begunAt = performance.now();
    const families = await inTime(reading(part), withinMs);
    return { name: part.name, families, seconds: (performance.now() - begunAt) / 1000 };
  }

  return async () => {
    const read = await Promise.all(parts.map(readInTime));
    return [
      ...read.flatMap(({ families }) => families ?? []),
      gauge(
        'mlops_scrape_collector_success',
        '1 where the figures of the part could be read in time, else 0: then they are missing from this answer.',
        read.map(({ name, families }) => ({ labels: { collector: name }, value: families === undefined ? 0 : 1 })),
      ),
      gauge(
        'mlops_scrape_collector_duration_seconds',
        'Time that reading them took.',
        read.map(({ name, seconds }) => ({ labels: { collector: name }, value: seconds })),
      ),
    ];
  };
}

/** Undefined where it fails or is late. */
async function inTime<T>(answer: Promise<T>, withinMs: number): Promise<T | undefined> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<undefined>((resolve) => {
    timer = setTimeout(() => resolve(undefined), withinMs);
  });
  try {
    return await Promise.race([answer, late]);
  } catch {
    return undefined;
  } finally {
    clearTimeout(timer);
  }
}
