-- Predictions move to the offline store: blocks that are not there yet, and the tables that hold the others.
create table mlops.prediction_blocks_waiting (
  block_id uuid primary key references mlops.prediction_blocks (block_id) on delete cascade,
  scope_id bigint not null,
  endpoint text not null,
  at       timestamptz not null,
  rows     integer not null
);
create index prediction_blocks_waiting_oldest on mlops.prediction_blocks_waiting (scope_id, endpoint, at, block_id);
insert into mlops.prediction_blocks_waiting (block_id, scope_id, endpoint, at, rows)
select block_id, scope_id, endpoint, at, rows from mlops.prediction_blocks;

create table mlops.prediction_parts (
  part_id  bigint generated always as identity primary key,
  scope_id bigint not null references mlops.scopes (scope_id) on delete cascade,
  -- As its predictions were logged.
  endpoint text not null,
  -- In UTC, of the newest prediction of each of its blocks.
  day      date not null,
  location text not null,
  rows     bigint not null,
  bytes    bigint not null,
  made_at  timestamptz not null default clock_timestamp()
);
create index prediction_parts_of_endpoint on mlops.prediction_parts (scope_id, endpoint, day, part_id);
