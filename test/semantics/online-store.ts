// Online store: the tests that hold each sentence.
import type { Section } from './sentences.ts';

export const onlineStore: Section = {
  'One record an entity key and feature-set version: the values, the event time, the created time.': {
    'contract/online.test.ts': [
      'gives back each kind of value as it was',
      'shows every record of a table and none of another, under keys that write it elsewhere',
      'tells tables, versions and keys apart that look alike',
    ],
  },
  'A write with an older (event time, created time) never replaces a newer one, also when two processes write at once: on LMDB and on Redis alike ([features.md](features.md)).':
    {
      'contract/online.test.ts': [
        'never replaces a newer record: event time, then created time, then sequence',
        'ends with the greatest of what many writers wrote at once, whatever they wrote when',
      ],
      'stores/online-processes.test.ts': [
        '$name holds the newest record of each key that any of the processes was told is written',
      ],
    },
  'One round trip for any number of sets and entities; in a Redis Cluster one a node.': {
    'stores/redis/redis-online.test.ts': [
      'reads any number of sets and entities in one round trip, and writes thousands of records in one',
    ],
    'stores/redis/topologies.test.ts': ['spreads records over every node, and asks each node once for all of them'],
    'contract/online.test.ts': [
      'answers many tables and keys in one call, in order, with nothing for what is not there',
    ],
  },
  'A store that lost its records lost its progress with them and is filled again by the next materialization, pushed rows included.':
    {
      'features/materialize.test.ts': [
        'fills the online store again after it was lost',
        'come back when the online store was lost',
      ],
      'stores/redis/topologies.test.ts': ['is filled again where one node has lost its records'],
      'features/online-outage.test.ts': [
        'what was pushed and materialized before comes back with the next materialization',
      ],
    },
  'A materialization during which the store went away does not count as done.': {
    'stores/redis/redis-online.test.ts': [
      'does not take a table for filled whose server went away while it was filled',
    ],
  },
  'A store that is away is told in bounded time (ST120, over HTTP 503 with `Retry-After`) and found again by itself.': {
    'stores/redis/redis-online.test.ts': [
      'says in bounded time that it is gone, at once from then on, and is there again by itself',
      'says in bounded time that it hangs, and goes on when it goes on',
    ],
    'e2e/redis.test.ts': ['says that Redis is gone, stays up, and is there again when Redis is'],
  },
  'A push that is to be served then records nothing.': {
    'features/online-outage.test.ts': [
      'a push is refused whole, nothing of it is recorded, and the same push does it later',
    ],
  },
  'The ttl is applied when reading: status `expired`, value null.': {
    'features/healthcare.test.ts': [
      'reads a patient online while the last visit is within its ttl, both ends included',
    ],
    'api/contract.test.ts': ['are read by bare name, by set and by service, with a status each'],
  },
  '`null` is a known null, `not_found` no record.': {
    'features/healthcare.test.ts': [
      'reads a patient online while the last visit is within its ttl, both ends included',
    ],
    'api/contract.test.ts': ['are read by bare name, by set and by service, with a status each'],
  },
  'Features with an `expr` are computed when reading, by the implementation that also computes them for training, over arrays and embeddings too.':
    {
      'features/dtypes.test.ts': [
        'a file gives features of every type, online what training sees',
        'a push gives the same, and what it leaves out stays',
      ],
    },
  'A value that does not fit its type, an embedding of another length among them, is refused when it is ingested, when it is pushed and when a model is asked with it.':
    {
      'features/dtypes.test.ts': ['a file whose embedding has another length is refused with its column'],
      'features/materialize.test.ts': [
        'names the column and the value that does not fit, and stores nothing',
        'are refused whole where one does not fit',
      ],
      'serving/serving.test.ts': [
        'answers from an embedding, and says where one is of another length or no embedding at all',
      ],
      'features/values.test.ts': ['that are lists fit with each item, or are refused with a reason'],
    },
  'A push builds on what was true at its event time: what it leaves out keeps the stored value, and is null where that came later or has expired by then.':
    {
      'features/materialize.test.ts': [
        'hold nothing that came after them: what a late one leaves out is null',
        'do not bring back a value that has expired',
      ],
      'features/dtypes.test.ts': ['a push gives the same, and what it leaves out stays'],
    },
  "Pushes of one set never lose each other's values.": {
    'features/materialize.test.ts': ['of different features of one entity at once lose none'],
    'contract/feature-state.test.ts': ['prepares pushes of a set one at a time'],
  },
  'An event time ahead is refused; up to 5 s of a fast clock count as now.': {
    'features/materialize.test.ts': ['of a time to come are refused: what holds until then stays'],
  },
  'A push is accepted whole or not at all, and names every row that cannot be.': {
    'features/push.test.ts': ['of thousands of rows names each that does not fit, and accepts none'],
    'api/contract.test.ts': ['are all refused where one is, each that is wrong by its place'],
  },
  'Pushed again it changes nothing.': {
    'features/push.test.ts': ['changes nothing when it is repeated, whatever came after it'],
  },
  'What is pushed `offline` is trained on, and served where it is the newest of its key, with the next materialization; what is pushed `online` is served at once and never trained on; by default it is both.':
    {
      'features/push.test.ts': [
        'to online serves at once and is never trained on',
        'to offline serves and is trained on with the next materialization, also while the online store is down',
        'to both serves at once and is trained on with the next materialization',
        'to offline of an older row is trained on and never served',
      ],
      'api/contract.test.ts': ['go where they are sent to'],
    },
  'The result of a `sql_query` task is written into the set that it names (`into`), else into the sets that are materialized after it and whose keys and features it has: once, however often its task is tried.':
    {
      'orchestrator/sql-query.test.ts': [
        "is written into the set after it, at the run's instant, and says what it was made from",
        'that names its set writes it by itself, and no other set',
      ],
      'features/query-results.test.ts': [
        'is the same for the same snapshots, and is written in chunks and once, however often',
        'is that of the nearest query that carries the set; of a set with rows of its own it is beside them',
      ],
    },
};
