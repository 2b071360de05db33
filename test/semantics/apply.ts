// biome-ignore-all lint/suspicious/noTemplateCurlyInString: titles of tests as their source has them
// Apply: the tests that hold each sentence.
import type { Section } from './sentences.ts';

export const apply: Section = {
  "One control store holds any number of projects and environments side by side; no name, lock or state of one touches another's.":
    {
      'contract/state.test.ts': [
        'do not touch each other: state, lock, applies, audit',
        'do not write into each other, also with a journal of the other',
      ],
      'e2e/external-postgres.test.ts': ['holds environments that do not see each other'],
    },
  'One lock a project and environment, with who, what and since when; taken over only after its lease ended; `mlops unlock ID` by hand.':
    {
      'contract/state.test.ts': [
        'keeps others out and names its holder',
        'goes to one of many that ask at once',
        'is taken over only after the lease of a holder that renews no more has ended, and the holder is told',
        'is removed by hand, and its holder is told',
      ],
    },
  'A holder that stood still for longer than its lease starts nothing more when it wakes up.': {
    'crash/lease.test.ts': [
      'a holder that stood still for longer than its lease changes nothing any more, whether another took over or not',
    ],
    'apply/apply.test.ts': [
      'starts no effect once the lock is lost, also where that came out while the intent was written',
    ],
  },
  'What it still had in hand changes nothing and is not recorded once another has begun, and another begins only when what is being written for the one before has ended.':
    {
      'stores/postgres/fence.test.ts': [
        'changes nothing once another apply has begun',
        'that is under way holds the next apply back until it is done',
      ],
      'contract/state.test.ts': [
        'that was cut off is ended as interrupted by the next, and writes nothing more when it comes back late',
      ],
    },
  'Interrupted once, an apply finishes the steps in hand, records them and gives the lock back; twice, it stops at once.':
    {
      'cli/interruption.test.ts': [
        'once during a step: it is finished and recorded, the lock is given back, the next apply goes on',
        'twice during a step stops now; the next apply resumes',
      ],
    },
  'The next apply goes on.': {
    'cli/interruption.test.ts': ['twice during a step stops now; the next apply resumes'],
    'apply/apply.test.ts': ['finishes the steps in hand when interrupted, releases the lock and goes on the next time'],
  },
  'A journal that cannot be written ends the apply: no effect starts without its intent on record.': {
    'apply/apply.test.ts': ['ends at once when the journal cannot be written, and gives the lock back'],
    'crash/connections.test.ts': ['ends the apply with AP118, keeps what was recorded, and gives the lock back: %s'],
  },
  'Changes run in dependency order, up to 10 at once (`--parallelism`); deletes in reverse.': {
    'plan/create-plan.test.ts': ['orders creates after what they depend on, and deletes after what depended on them'],
    'cli/interruption.test.ts': ['bounds the changes at once'],
    'graph/walk.test.ts': [
      'visits what is depended on first, and the other way round when taking down',
      'keeps order, bound and completeness on random graphs with random failures',
    ],
  },
  'What depends on a failure is skipped and named once.': {
    'apply/apply.test.ts': [
      'skips what depends on a failure, names it, goes on elsewhere and takes it up the next time',
    ],
  },
  'The journal: the intent is durable before the effect starts, the outcome before anything that waits for it starts.':
    {
      'apply/apply.test.ts': ['journals intent before and outcome after each effect, between lock and release'],
      'contract/state.test.ts': ['records what is intended before its outcome, and what failed stays so'],
      'crash/connections.test.ts': ['loses all its connections before each call of the store and of an effect'],
    },
  'After kill -9 at any point, `apply` ends in the same state as an undisturbed run.': {
    'crash/apply.test.ts': ['ends in the same state as an undisturbed one when it is applied again'],
    'fuzz/lifecycle-postgres.test.ts': ['stays explained and converges through ${CASES} random lives'],
  },
  'Every effect may run twice.': {
    'crash/apply.test.ts': ['ends in the same state as an undisturbed one when it is applied again'],
    'apply/convergence.property.test.ts': ['ends in the same state when effects fail at random and are tried again'],
  },
  'A rename keeps the data and its history, and is one transaction: a reader finds everything by the old name or by the new one, before it and after it.':
    {
      'stores/postgres/rename.test.ts': [
        'has its versions, parts, pending pushes and watermarks under either name, in the same storage',
        'has its versions, stages and history under either name; what was written down keeps the name of its time',
        'has its runs under either name, those under way too',
        'of several in a row are one transaction: all of them or none',
      ],
      'crash/connections.test.ts': ['make one of them, refuse the other, and every plan is of one whole state'],
    },
  'What names it is recorded, in the history too, with the new name: no version is new for it.': {
    'contract/state-history.test.ts': [
      'is written into what depends on it, and the history has that as it is from then on',
    ],
    'plan/renames.test.ts': [
      'of a feature set keeps its version and its rows, and what reads it changes its words alone',
    ],
  },
  'The old name answers until another resource takes it.': {
    'stores/postgres/rename.test.ts': [
      'are read from a catalog by either name, and what depends on them says the new one',
      'leaves its folder to itself when another set takes the old name, and its numbers too',
    ],
  },
  'A version of a feature set is stored under the name that its set had when it was registered; with its number that name is never given again.':
    {
      'stores/postgres/rename.test.ts': [
        'has its versions, parts, pending pushes and watermarks under either name, in the same storage',
        'takes the name of one that was destroyed, and never one whose rows are there',
      ],
    },
  'The history holds each serial: what changed, before and after, by whom.': {
    'contract/state-history.test.ts': [
      'keeps what each serial changed, before and after, and nothing of what it left alone',
      'lists serials with who, what and how it ended',
    ],
  },
  'It is written in the statement that records the outcome, and is append-only.': {
    'contract/state-history.test.ts': [
      'is recorded at once with its outputs, and an update that adds nothing is no second entry',
      'stays append-only on Postgres but for a prune',
    ],
  },
  '`state prune` alone sums up its oldest part, as one serial; what it leaves is as it was.': {
    'contract/state-history.test.ts': ['is summed up before a serial, and as it was from there on'],
    'cli/history.test.ts': ['says what is forgotten before it does it, and never does it by itself'],
  },
  'What a step failed with is recorded with its resource, without secrets, until the next step of it begins.': {
    'contract/state-history.test.ts': ['records what a step failed with until it is tried again'],
    'apply/apply.test.ts': ['never records the credentials of a connection string'],
    'plan/past.test.ts': ['tells no secret, whatever its effect says'],
  },
  'Everything that changed is one audit entry: who, when, what, from which plan, from which commit.': {
    'contract/state.test.ts': [
      'says who changed what, from which plan and which commit',
      'cannot be changed or shortened',
      'records many changes that overlap, each with one audit entry',
    ],
  },
};
