// Apply: the tests that hold each sentence.
import type { Section } from './sentences.ts';

export const apply: Section = {
  "One control store holds any number of projects and environments side by side; no name, lock or state of one touches another's.":
    {},
  'One lock a project and environment, with who, what and since when; taken over only after its lease ended; `mlops unlock ID` by hand.':
    {},
  'A holder that stood still for longer than its lease starts nothing more when it wakes up.': {},
  'What it still had in hand changes nothing and is not recorded once another has begun, and another begins only when what is being written for the one before has ended.':
    {},
  'Interrupted once, an apply finishes the steps in hand, records them and gives the lock back; twice, it stops at once.':
    {},
  'The next apply goes on.': {},
  'A journal that cannot be written ends the apply: no effect starts without its intent on record.': {},
  'Changes run in dependency order, up to 10 at once (`--parallelism`); deletes in reverse.': {},
  'What depends on a failure is skipped and named once.': {},
  'The journal: the intent is durable before the effect starts, the outcome before anything that waits for it starts.':
    {},
  'After kill -9 at any point, `apply` ends in the same state as an undisturbed run.': {},
  'Every effect may run twice.': {},
  'A rename keeps the data and its history, and is one transaction: a reader finds everything by the old name or by the new one, before it and after it.':
    {},
  'What names it is recorded, in the history too, with the new name: no version is new for it.': {},
  'The old name answers until another resource takes it.': {},
  'A version of a feature set is stored under the name that its set had when it was registered; with its number that name is never given again.':
    {},
  'The history holds each serial: what changed, before and after, by whom.': {},
  'It is written in the statement that records the outcome, and is append-only.': {},
  '`state prune` alone sums up its oldest part, as one serial; what it leaves is as it was.': {},
  'What a step failed with is recorded with its resource, without secrets, until the next step of it begins.': {},
  'Everything that changed is one audit entry: who, when, what, from which plan, from which commit.': {},
};
