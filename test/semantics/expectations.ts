// Expectations: the tests that hold each sentence.
import type { Section } from './sentences.ts';

export const expectations: Section = {
  "What is expected of a feature or of a set's rows is checked when the set is materialized, over the rows that are not stored yet, and when rows are pushed.":
    {
      'features/quality.test.ts': [
        'warn: the rows count, and what was found is recorded',
        'warn: the row counts, and what was found is recorded',
        'are not asked of rows that are stored, whatever is expected by now',
      ],
    },
  'Rows that are stored are not checked again.': {
    'features/quality.test.ts': ['are not asked of rows that are stored, whatever is expected by now'],
  },
  '`warn` (the default): the row counts, and the check is recorded.': {
    'features/quality.test.ts': [
      'warn: the rows count, and what was found is recorded',
      'warn: the row counts, and what was found is recorded',
    ],
  },
  '`quarantine`: the row is kept aside with the reasons, and reaches neither training nor the online store.': {
    'features/quality.test.ts': [
      'quarantine: the rows are kept aside with the reason, and reach neither training nor the online store',
      'quarantine: the row is kept aside, the others count',
    ],
  },
  '`fail`: the materialization stops before it writes anything, the push is refused whole.': {
    'features/quality.test.ts': [
      'fail: nothing is written, neither rows nor watermarks, and it says what is wrong',
      'fail: the push is refused whole',
    ],
  },
  'A row that is kept aside is kept once, however often it comes.': {
    'features/quality.test.ts': [
      'quarantine: the rows are kept aside with the reason, and reach neither training nor the online store',
      'are let go when they are discarded, and come again where the source still has them',
    ],
  },
  'One that its source corrected, or that passes by now, leaves the quarantine with the next materialization; one that is released counts as if it had been pushed.':
    {
      'features/quality.test.ts': [
        'quarantine: the rows are kept aside with the reason, and reach neither training nor the online store',
        'count after all once they are released: served at once, trained on after the next materialization',
      ],
      'crash/materialize.test.ts': [
        'releases each row that was kept aside once, wherever it was killed the time before',
      ],
    },
  'What is not of single rows (`maxNull` above 0, `minRows`, `freshness`) warns where rows would be kept aside.': {
    'features/quality.test.ts': [
      'of the share of nulls warn where rows would be kept aside, and keep none',
      'of the rows together: %s',
    ],
  },
  'More than 100,000 rows to keep aside stop the materialization (FS210).': {
    'features/quality.test.ts': [
      'more rows to keep aside than anybody looks through stop the materialization, and none is kept',
    ],
  },
};
