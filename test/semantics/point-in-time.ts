// Point in time: the tests that hold each sentence.
import type { Section } from './sentences.ts';

export const pointInTime: Section = {
  'For each spine row (entity keys, event time `t`) and each feature set: the row with the greatest `event_time ≤ t` among those with `event_time ≥ t − ttl` (both ends included; without ttl there is no lower end) and, where the set has a `createdTime`, `created_time ≤ t` (as it was known then; `asKnownAt: now` turns that off; a null created time never qualifies).':
    {},
  'Ties on the event time: the greatest created time; then the row ingested last.': {},
  'Every spine row comes back exactly once, in its order, duplicates included, with nulls where nothing qualifies.': {},
  'Times are UTC inside; a time without a zone is UTC.': {},
  'Keys compare by type, never by concatenated text.': {},
  'A training set is recorded with all that it was made from, and made again from that it has the same bytes, whatever was materialized, pushed or retired since.':
    {},
  'Its split depends on its rows, `by`, `test` and `seed` alone.': {},
};
