-- Who reads which snapshots of sources now: none of them is let go meanwhile. A reader that died is one no more when its lease has ended.
create table mlops.snapshot_readers (
  scope_id      bigint not null references mlops.scopes (scope_id) on delete cascade,
  reader_id     uuid not null,
  location      text not null,
  -- `feature_set.NAME`, `training set of SERVICE`, …
  reader        text not null,
  since         timestamptz not null default clock_timestamp(),
  lease_ends_at timestamptz not null,
  primary key (scope_id, reader_id, location)
);
