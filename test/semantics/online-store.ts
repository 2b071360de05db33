// Online store: the tests that hold each sentence.
import type { Section } from './sentences.ts';

export const onlineStore: Section = {
  'One record an entity key and feature-set version: the values, the event time, the created time.': {},
  'A write with an older (event time, created time) never replaces a newer one, also when two processes write at once: on LMDB and on Redis alike ([features.md](features.md)).':
    {},
  'One round trip for any number of sets and entities; in a Redis Cluster one a node.': {},
  'A store that lost its records lost its progress with them and is filled again by the next materialization, pushed rows included.':
    {},
  'A materialization during which the store went away does not count as done.': {},
  'A store that is away is told in bounded time (ST120, over HTTP 503 with `Retry-After`) and found again by itself.':
    {},
  'A push that is to be served then records nothing.': {},
  'The ttl is applied when reading: status `expired`, value null.': {},
  '`null` is a known null, `not_found` no record.': {},
  'Features with an `expr` are computed when reading, by the implementation that also computes them for training, over arrays and embeddings too.':
    {},
  'A value that does not fit its type, an embedding of another length among them, is refused when it is ingested, when it is pushed and when a model is asked with it.':
    {},
  'A push builds on what was true at its event time: what it leaves out keeps the stored value, and is null where that came later or has expired by then.':
    {},
  "Pushes of one set never lose each other's values.": {},
  'An event time ahead is refused; up to 5 s of a fast clock count as now.': {},
  'A push is accepted whole or not at all, and names every row that cannot be.': {},
  'Pushed again it changes nothing.': {},
  'What is pushed `offline` is trained on, and served where it is the newest of its key, with the next materialization; what is pushed `online` is served at once and never trained on; by default it is both.':
    {},
  'The result of a `sql_query` task is written into the set that it names (`into`), else into the sets that are materialized after it and whose keys and features it has: once, however often its task is tried.':
    {},
};
