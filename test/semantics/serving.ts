// Serving: the tests that hold each sentence.
import type { Section } from './sentences.ts';

export const serving: Section = {
  'A version of a model is asked with the versions of the feature sets that it learned from, wherever it stands and whatever has been applied since.':
    {},
  'One whose lineage does not name them (registered over HTTP) is asked with the newest that serves.': {},
  'A version of a model enters staging or production only while the feature-set versions that it learned from serve (MD207); none is retired meanwhile.':
    {},
  'A variant is a hash of endpoint and key into 10,000 buckets: sticky, the same on every replica.': {},
  'It is recorded with each prediction.': {},
  'A version is swapped without dropping a request; one that fails to load never replaces one that serves.': {},
  'What was served is what the offline store answers for that moment, but for what can be told of it: a row that came, or came online, after the answer, a push to one store alone, a ttl that changed, a store that had lost its records.':
    {
      'features/verify.test.ts': [
        'explains every difference, in whatever order rows are pushed, ingested, materialized and read',
      ],
    },
  '`features verify` holds the log of predictions to that, and the answers to other readers that were drawn to be kept.':
    {
      'features/verify.test.ts': ['replays answers to readers by the same rule, each with its entity and its record'],
      'daemon/answer-log.test.ts': ['whoever asks, by our interface or as Feast does'],
    },
  'Inputs are checked against the signature.': {},
  'A missing feature follows its declared default, else the answer is 422 and names it.': {},
};
