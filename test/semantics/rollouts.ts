// Rollouts and results: the tests that hold each sentence.
import type { Section } from './sentences.ts';

const STATE = 'serving/rollouts/rollout-state.test.ts';
const WHOLE = 'serving/rollouts/rollouts.test.ts';
const ROUTER = 'serving/rollouts/rollout-router.test.ts';
const RANDOM =
  'the share rises or falls to nothing for good, and nothing is promoted by itself with fewer rows than its steps ask for';

export const rollouts: Section = {
  'A rollout begins when its candidate follows a version that came to its stage after every one before, and once for each.':
    {
      'contract/rollouts.test.ts': ['begin once for what made them begin, also at once'],
      [WHOLE]: ['gives its place to a newer version, and an older one that shows again begins nothing'],
    },
  "Its share is a part of the baseline's keys, the same on every replica; raising it takes no key away from the candidate.":
    {
      [ROUTER]: [
        'takes its share from the keys of the baseline alone, and raising it only adds keys',
        'draws the keys as any client can, and others for another version',
      ],
      [WHOLE]: ['seed %d: the good one is promoted, the bad one is rolled back, and no key goes back and forth'],
    },
  'The candidate answers only with the version that is rolled out.': {
    [ROUTER]: ['gives the candidate no key where %s'],
  },
  'Once that was rolled back or aborted it is out until another rollout begins.': {
    [STATE]: [RANDOM],
    [WHOLE]: ['rolls a bad one back by itself, and keeps it out until another version comes'],
  },
  'A step ends when its samples, its time and every check of one measurement are there.': { [STATE]: ['%s', RANDOM] },
  'No data means wait: what is not known neither passes nor fails.': {
    [WHOLE]: ['waits without data, never promotes and never fails'],
    [STATE]: ['is paused where a step does not end within its deadline, and never goes on or back for want of data'],
    'serving/rollouts/checks.test.ts': ['%s is told'],
  },
  'A step that fails rolls back at once; so does a version that does not load, or most of whose requests fail while those of the baseline do not.':
    {
      [STATE]: ['%s'],
      [WHOLE]: ['rolls back at once where a daemon cannot load the version'],
    },
  "A promotion goes through the model's gates.": {
    [WHOLE]: ['is paused where a gate refuses the promotion, with what the gate said'],
  },
  'One that was decided is brought to its end by whichever daemon comes next, and happens once.': {
    [WHOLE]: ['may be killed %s that it decided: the next one ends the same, and promotes once'],
  },
  'Every decision is kept with its numbers, and none is ever changed.': {
    'contract/rollouts.test.ts': [
      'are written on the revision that was decided on, each decision with its numbers, and nobody rewrites one',
    ],
  },
  'Steps that are edited under way take no key back.': {
    [STATE]: ['goes on %s where its steps are edited under way', RANDOM],
  },
  'A rollout that is asked for no more ends, and its keys go back to the baseline.': {
    [WHOLE]: ['ends where the spec asks for none any more, and goes on where its steps are edited'],
  },
  'Rollouts and results count only rows that the split or a rollout drew.': {
    'contract/variant-figures.test.ts': [
      'tell rows that the split or a rollout drew from those that a rule, a caller or a fallback chose',
    ],
    [WHOLE]: ['takes rows that a rule or a caller chose for no measurement'],
    'serving/results/endpoint-results.test.ts': ['count only rows that were drawn'],
  },
  'The sequential test may be looked at at any time: it says that there is a difference where there is none in at most 5 % of the cases, of rates and of values without very long tails.':
    {
      'serving/results/sequential.test.ts': [
        'sees a difference of %s where there is none in at most 5 % of the streams, looked at all the time',
        'has the true difference in all of its intervals at once in 95 % of the streams',
      ],
    },
};
