// Use of features: the tests that hold each sentence.
import type { Section } from './sentences.ts';

export const useOfFeatures: Section = {
  'A read counts for its reader and each feature, with what computed features read for it: online by API key or endpoint, for training by service, for history by whoever asked.':
    {},
  'Counted in memory and written every ten seconds: a process that is killed loses what it counted since.': {},
};
