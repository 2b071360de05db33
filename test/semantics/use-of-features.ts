// Use of features: the tests that hold each sentence.
import type { Section } from './sentences.ts';

export const useOfFeatures: Section = {
  'A read counts for its reader and each feature, with what computed features read for it: online by API key or endpoint, for training by service, for history by whoever asked.':
    {
      'features/quality.test.ts': [
        'is counted by reader, with what computed features read, and told with those that nobody reads',
      ],
      'api/contract.test.ts': [
        'and every other read count for who read: by endpoint, over HTTP, for training and for history',
      ],
      'api/server.test.ts': ['asks for one of the keys and names it'],
    },
  'Counted in memory and written every ten seconds: a process that is killed loses what it counted since.': {
    'features/usage.test.ts': [
      'are written every ten seconds, each feature and reader once',
      'are kept where they cannot be written, and go with the next batch or the end',
    ],
  },
};
