/** An online store by one text, which processes hand to each other: LMDB's directory, or the URL of a Redis. */
import { createLmdbOnline } from '../../src/stores/lmdb/lmdb-online.ts';
import type { OnlineStore } from '../../src/stores/online.ts';
import { createRedisOnline } from '../../src/stores/redis/redis-online.ts';

export function openOnlineAt(where: string): OnlineStore {
  return where.startsWith('redis:')
    ? createRedisOnline(
        { server: { kind: 'single', url: where }, keyPrefix: 'mlops:', timeoutMs: 10_000 },
        { project: 'processes', environment: 'test' },
      )
    : createLmdbOnline({ directory: where });
}
