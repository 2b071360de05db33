// Expectations: the tests that hold each sentence.
import type { Section } from './sentences.ts';

export const expectations: Section = {
  "What is expected of a feature or of a set's rows is checked when the set is materialized, over the rows that are not stored yet, and when rows are pushed.":
    {},
  'Rows that are stored are not checked again.': {},
  '`warn` (the default): the row counts, and the check is recorded.': {},
  '`quarantine`: the row is kept aside with the reasons, and reaches neither training nor the online store.': {},
  '`fail`: the materialization stops before it writes anything, the push is refused whole.': {},
  'A row that is kept aside is kept once, however often it comes.': {},
  'One that its source corrected, or that passes by now, leaves the quarantine with the next materialization; one that is released counts as if it had been pushed.':
    {},
  'What is not of single rows (`maxNull` above 0, `minRows`, `freshness`) warns where rows would be kept aside.': {},
  'More than 100,000 rows to keep aside stop the materialization (FS210).': {},
};
