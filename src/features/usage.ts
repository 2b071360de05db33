/**
 * Who reads which feature, and how often. A read adds to a counter in memory; what was counted is written in batches, so that no
 * answer waits for it; the time of the last read is that of its batch. Killed, a process loses what it counted since the last batch.
 */
import type { FeatureQuality, NewReads } from '../stores/control/feature-quality.ts';

/** The features of one set version that are read together. */
export interface ReadFeatures {
  readonly set: string;
  readonly version: number;
  readonly features: readonly string[];
}

/** One reader of the same features. */
export interface UsageCounter {
  reads: number;
  entities: number;
  firstMs: number;
  readonly reader: string;
  readonly of: readonly ReadFeatures[];
}

export interface Usage {
  counter(reader: string, of: readonly ReadFeatures[]): UsageCounter;
  count(counter: UsageCounter, entities: number): void;
  /** Writes what was counted. What fails is kept, and written with the next batch. */
  flush(): Promise<void>;
  /** Writes the rest. */
  close(): Promise<void>;
}

export interface UsageOptions {
  readonly quality: Pick<FeatureQuality, 'addReads'>;
  readonly nowMs: () => number;
  /** Default 10,000. */
  readonly flushEveryMs?: number;
  readonly onError?: (error: unknown) => void;
}

export function createUsage({ quality, nowMs, flushEveryMs = 10_000, onError = () => {} }: UsageOptions): Usage {
  /** Those with reads that are not written yet. */
  let dirty = new Set<UsageCounter>();
  let timer: NodeJS.Timeout | undefined;
  let flushing: Promise<void> = Promise.resolve();

  async function write(): Promise<void> {
    const taken = dirty;
    dirty = new Set();
    const now = nowMs();
    const rows = new Map<string, NewReads>();
    const snapshots: { counter: UsageCounter; reads: number; entities: number; firstMs: number }[] = [];
    for (const counter of taken) {
      const { reads, entities, firstMs, reader } = counter;
      snapshots.push({ counter, reads, entities, firstMs });
      counter.reads = 0;
      counter.entities = 0;
      const times = { firstAgoMs: Math.max(0, now - firstMs), lastAgoMs: 0 };
      for (const { set, version, features } of counter.of)
        for (const feature of features) add(rows, { set, version, feature, reader, reads, entities, ...times });
    }
    try {
      await quality.addReads([...rows.values()]);
    } catch (error) {
      for (const { counter, reads, entities, firstMs } of snapshots) {
        counter.firstMs = counter.reads === 0 ? firstMs : Math.min(firstMs, counter.firstMs);
        counter.reads += reads;
        counter.entities += entities;
        dirty.add(counter);
      }
      throw error;
    }
  }

  const flush = (): Promise<void> => {
    const next = flushing.catch(() => {}).then(() => (dirty.size === 0 ? undefined : write()));
    flushing = next;
    return next;
  };

  return {
    counter: (reader, of) => ({ reads: 0, entities: 0, firstMs: 0, reader, of }),
    count: (counter, entities) => {
      if (counter.reads === 0) {
        counter.firstMs = nowMs();
        dirty.add(counter);
        if (timer === undefined) {
          timer = setInterval(() => void flush().catch(onError), flushEveryMs);
          timer.unref();
        }
      }
      counter.reads += 1;
      counter.entities += entities;
    },
    flush,
    close: async () => {
      clearInterval(timer);
      timer = undefined;
      await flush();
    },
  };
}

/** One statement must not touch a row twice: two counters may be of one reader and feature. */
function add(rows: Map<string, NewReads>, next: NewReads): void {
  const id = `${next.set}@${next.version}.${next.feature} ${next.reader}`;
  const known = rows.get(id);
  rows.set(
    id,
    known === undefined
      ? next
      : {
          ...known,
          reads: known.reads + next.reads,
          entities: known.entities + next.entities,
          firstAgoMs: Math.max(known.firstAgoMs, next.firstAgoMs),
          lastAgoMs: Math.min(known.lastAgoMs, next.lastAgoMs),
        },
  );
}
