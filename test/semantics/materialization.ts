// Materialization: the tests that hold each sentence.
import type { Section } from './sentences.ts';

export const materialization: Section = {
  'Two watermarks a feature-set version, of event time and of ingestion, so that late rows are found; `lookback` reads again.':
    {},
  'Of a source of many files, and of one that is read by a column, only what is new is read: files by name, size and time, rows by their value less the `lookback`.':
    {},
  'Files that were edited or are gone are noticed.': {},
  'In chunks, each its own transaction with the watermark: killed and run again, it goes on; nothing is applied twice with effect.':
    {},
  'Snapshots of sources are deleted when nothing has needed them for 30 days (`snapshots.keep`): never the newest of a source, nor one that a recorded training set was made from or a version that lives was last filled from.':
    {},
  'A training set that is made meanwhile keeps what it was made from, or is refused (FS220).': {},
  "How far it is, and how long the phase still takes, is told with every chunk: on the terminal, in the task's log, in the run.":
    {},
  "A schedule of the set's own (`materialize.cron`) is run by the daemon: what was missed is caught up by one run, and an instant is left out while the run before goes on.":
    {},
  'A new version is filled before it serves, what was pushed before included, to the online store alone too, as far as keys and columns allow; until then whoever names no version reads the one before.':
    {},
  'Memory stays bounded by the chunk.': {},
  'Live are the newest version, the one that serves whoever names none, those that versions of models learned from which are in production or staging, would be rolled back to, are the newest in development or are pinned by an endpoint, those that a client asked for by their number over HTTP within a week, and those brought back within a day.':
    {},
  'Each materialization brings all of them up to date, each from its own structure; what an older one fails with is told (FS221) and holds nothing back.':
    {},
  'A version that is not live, and older than the one that serves, is retired by the next materialization of its set: its online records go, and its rows but for those that a recorded training set was made from.':
    {},
  'Nothing else is ever answered in its place.': {},
  'Each materialization records statistics of what it brought, and of all rows of the version while there are at most a million, then each time they grew by a tenth.':
    {},
  'A row is counted in one batch, once, whenever a materialization is killed and run again.': {},
  'Counts, extremes, means and deviations are exact; quantiles come from a t-digest; distinct values are exact up to about 10,000, and within about 1 % beyond.':
    {},
  'Bins stay for the life of a version, so that any two of its statistics compare.': {},
};
