// Point in time: the tests that hold each sentence.
import type { Section } from './sentences.ts';

export const pointInTime: Section = {
  'For each spine row (entity keys, event time `t`) and each feature set: the row with the greatest `event_time ≤ t` among those with `event_time ≥ t − ttl` (both ends included; without ttl there is no lower end) and, where the set has a `createdTime`, `created_time ≤ t` (as it was known then; `asKnownAt: now` turns that off; a null created time never qualifies).':
    {
      'contract/point-in-time.test.ts': ['answers as brute force does: seed %i'],
      'features/point-in-time.test.ts': ['answers as brute force does: %o'],
    },
  'Ties on the event time: the greatest created time; then the row ingested last.': {
    'contract/point-in-time.test.ts': ['answers as brute force does: seed %i'],
    'features/point-in-time.test.ts': ['answers as brute force does: %o'],
  },
  'Every spine row comes back exactly once, in its order, duplicates included, with nulls where nothing qualifies.': {
    'contract/point-in-time.test.ts': ['answers as brute force does: seed %i'],
    'contract/offline.test.ts': ['may be a file, in its order'],
  },
  'Times are UTC inside; a time without a zone is UTC.': {
    'features/values.test.ts': ['without a zone are UTC, with one are brought there'],
    'contract/point-in-time.test.ts': ['answers as brute force does: seed %i'],
  },
  'Keys compare by type, never by concatenated text.': {
    'features/values.test.ts': ['has bytes of its own: no two keys run together'],
    'contract/online.test.ts': ['tells tables, versions and keys apart that look alike'],
    'contract/point-in-time.test.ts': ['answers as brute force does: seed %i'],
  },
  'A training set is recorded with all that it was made from, and made again from that it has the same bytes, whatever was materialized, pushed or retired since.':
    {
      'features/training-sets.test.ts': [
        'is the same bytes after materializations, corrections, pushes, a shorter ttl, a new version and a retirement',
      ],
    },
  'Its split depends on its rows, `by`, `test` and `seed` alone.': {
    'features/training-sets.test.ts': ['splits by time, by entity and by hash, the same way each time'],
    'contract/offline.test.ts': [
      'keeps rows of one entity together, whatever the rows around it',
      'tests on the latest instants where it splits by time',
    ],
  },
};
