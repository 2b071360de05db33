// Materialization: the tests that hold each sentence.
import type { Section } from './sentences.ts';

export const materialization: Section = {
  'Two watermarks a feature-set version, of event time and of ingestion, so that late rows are found; `lookback` reads again.':
    {
      'contract/feature-state.test.ts': ['moves both watermarks with what they stand for'],
      'features/materialize.test.ts': [
        'finds rows that came late, however far before the watermark',
        'reads the lookback again and writes it online',
      ],
    },
  'Of a source of many files, and of one that is read by a column, only what is new is read: files by name, size and time, rows by their value less the `lookback`.':
    {
      'features/sources.test.ts': [
        'reads of 1,000 files only those that came, late ones too',
        'reads of a table that grows only the rows from the lookback on',
      ],
      'contract/incremental.test.ts': ['have what an independent reading has, however rows come, change and go'],
      'stores/duckdb/source-files.test.ts': ['only those that are new are read'],
      'stores/postgres/files-snapshot.test.ts': [
        'has the rows of two hundred files at most on this machine, one after the other',
      ],
    },
  'Files that were edited or are gone are noticed.': {
    'features/sources.test.ts': [
      'takes an edit as a correction, tells of files that are gone, and a new version starts without them',
    ],
    'stores/duckdb/source-files.test.ts': ['edited ones are read again, gone ones are gone, touched ones are neither'],
  },
  'In chunks, each its own transaction with the watermark: killed and run again, it goes on; nothing is applied twice with effect.':
    {
      'crash/materialize.test.ts': [
        'goes on where it was, whatever the point at which it was killed, and applies nothing twice',
        'reads of many files what came since, wherever it was killed the time before',
      ],
    },
  'Snapshots of sources are deleted when nothing has needed them for 30 days (`snapshots.keep`): never the newest of a source, nor one that a recorded training set was made from, a version that lives was last filled from, or somebody reads just now.':
    {
      'features/snapshots.test.ts': [
        'go some time after another took their place, unless a version was last filled from them',
        'stay while a recorded training set was made from them, which is made again bit for bit',
        'stay while a materialization reads them, however long it takes, and no longer',
        'go some time after their source was destroyed, and are taken anew where it is declared again',
      ],
    },
  'A training set that is made meanwhile keeps what it was made from, or is refused (FS220).': {
    'features/snapshots.test.ts': [
      'are kept by a training set that is made meanwhile',
      'are not what a training set is recorded of once they were let go: it is refused, to be made again',
    ],
  },
  'The plan says which snapshots will be deleted, and from when on.': {
    'plan/snapshots-to-go.test.ts': [
      'says when those that nothing needs go, by snapshots.keep',
      'is said also where there is nothing to change, on the terminal and in the comment on a pull request',
    ],
    'contract/facts.test.ts': [
      'tell which snapshots of sources nothing needs, and since when; of a source that is gone all of them',
    ],
  },
  "How far it is, and how long the phase still takes, is told with every chunk: on the terminal, in the task's log, in the run.":
    {
      'features/materialize.test.ts': [
        'tells how far it is: rows read, then written chunk by chunk, then written online, then its statistics',
      ],
      'features/materialization-progress.test.ts': ['estimates the time left by the pace of the phase'],
      'orchestrator/task-progress.test.ts': [
        'records at most once a second, and logs every ten seconds with the time left',
      ],
      'cli/commands.test.ts': ['features are materialized and read without a daemon'],
    },
  "A schedule of the set's own (`materialize.cron`) is run by the daemon: what was missed is caught up by one run, and an instant is left out while the run before goes on.":
    {
      'daemon/materialization.test.ts': ['is materialized by the daemon again and again, with what came since'],
      'orchestrator/schedules.test.ts': [
        'are those of pipelines and of feature sets that materialize by themselves',
        'that nobody was there for are left out, or the last is made up for, or all',
      ],
    },
  'A set is late when an instant of its own schedule passed more than a minute ago and no materialization of its newest version has ended since; not while the run of that instant is under way, until the next one has passed as well.':
    {
      'features/timeliness.test.ts': [
        'is on time until a minute after the first instant that no materialization has met, and late from then on',
        'is on time again with the next materialization, also where that finds nothing new',
        'is not late while the run of the instant is under way, but once the next instant has passed as well',
      ],
    },
  "Only the control store's clock counts; instants from before it had this schedule do not.": {
    'features/timeliness.test.ts': [
      'owes no instant from before it had this schedule',
      'owes all of them where the schedule stood all the time, whatever else was edited',
    ],
  },
  'A new version is filled before it serves, what was pushed before included, to the online store alone too, as far as keys and columns allow; until then whoever names no version reads the one before.':
    {
      'features/materialize.test.ts': ['serves the old version until the new one is complete'],
      'features/versions.test.ts': [
        'goes on filling the version that a model in production learned from, beside the newest',
        'carries what was pushed before over into the new version, where its columns are left as they were',
        'carries what was pushed online only over too, each beside what the new version has of its time',
      ],
    },
  'Memory stays bounded by the chunk.': {
    'features/materialize.test.ts': [
      'has no more than a chunk of rows in hand, to be stored and to be served, however many there are',
    ],
    'contract/offline.test.ts': ['need no more memory than the limit'],
  },
  'Live are the newest version, the one that serves whoever names none, those that versions of models learned from which are in production or staging, would be rolled back to, are the newest in development or are pinned by an endpoint, those that a client asked for by their number over HTTP within a week, and those brought back within a day.':
    {
      'features/versions.test.ts': [
        'keeps what is in staging, what a rollback returns to and the newest in development, and retires the rest',
        'keeps a version that an endpoint is pinned to, through the model that learned from it, until it is not',
        'keeps a version that clients ask for by its number, for a week after the last of them',
        'brings a retired version back, filled anew, and keeps it until it is promoted',
      ],
    },
  'Each materialization brings all of them up to date, each from its own structure; what an older one fails with is told (FS221) and holds nothing back.':
    {
      'features/versions.test.ts': [
        'goes on filling the version that a model in production learned from, beside the newest',
        'tells what keeps an older version from being brought up to date, and fills the newest all the same',
        'fills the version that is read although the newest cannot be filled',
      ],
    },
  'A version that is not live, and older than the one that serves, is retired by the next materialization of its set: its online records go, and its rows but for those that a recorded training set was made from.':
    {
      'features/versions.test.ts': [
        'keeps what is in staging, what a rollback returns to and the newest in development, and retires the rest',
        'retires a version that never served once a newer one does',
        'keeps rows that a training set was made from, and no others',
      ],
      'crash/versions.test.ts': [
        'ends in the same state, whatever the point at which it was killed, and by two at once',
      ],
    },
  'Nothing else is ever answered in its place.': {
    'features/versions.test.ts': [
      'keeps what is in staging, what a rollback returns to and the newest in development, and retires the rest',
    ],
    'serving/serving.test.ts': ['promotes no version that learned from what is not there'],
  },
  'Each materialization records statistics of what it brought, and of all rows of the version while there are at most a million, then each time they grew by a tenth.':
    {
      'features/quality.test.ts': [
        'are of what each brought, and of all that is stored, computed features included',
        'are not taken again where nothing came',
      ],
    },
  'A row is counted in one batch, once, whenever a materialization is killed and run again.': {
    'features/quality.test.ts': ['count each row once, however often its statistics are recorded, and by two at once'],
    'crash/materialize.test.ts': [
      'goes on where it was, whatever the point at which it was killed, and applies nothing twice',
    ],
  },
  'Counts, extremes, means and deviations are exact; quantiles come from a t-digest; distinct values are exact up to about 10,000, and within about 1 % beyond.':
    {
      'contract/profile.test.ts': [
        'agree with plain arithmetic over %i random rows',
        'estimate many distinct values within 2 %, and sample what is computed on demand',
        'hold numbers that are none apart, and of integers beyond 2^53 the exact extremes',
      ],
    },
  'Bins stay for the life of a version, so that any two of its statistics compare.': {
    'contract/profile.test.ts': ['keep the bins that they are given, whatever comes'],
    'features/quality.test.ts': ['are of what each brought, and of all that is stored, computed features included'],
  },
};
