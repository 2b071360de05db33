-- Snapshots of sources that are read by a column. Those that follow each other share one table, which grows: each is a view of
-- the rows that it has. Runs in the store's schema. Locks: none.
create table grown_snapshots (
  location text primary key,
  -- The table of this schema that holds the rows of all of them, and which of them this is, from 0.
  grown text not null,
  number integer not null,
  digest text not null,
  -- Digest of how the source is read: another way starts afresh.
  reading text not null,
  -- SHA-256 of the file that it was read from; null for a query.
  content text,
  -- The greatest value of the column that was read, as text; null where there is none.
  watermark text,
  unique (grown, number)
);
