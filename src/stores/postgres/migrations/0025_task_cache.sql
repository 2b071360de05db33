-- Results of tasks that later runs take over. A row says that an attempt works on what the key stands for; it counts once that attempt
-- has succeeded, and its outputs are where they always are.

create table mlops.task_cache (
  scope_id  bigint not null references mlops.scopes (scope_id) on delete cascade,
  -- SHA-256 of code, settings and inputs.
  cache_key text not null,
  run_id    uuid not null references mlops.runs (run_id) on delete cascade,
  ordinal   integer not null,
  attempt   integer not null,
  kept_at   timestamptz not null default clock_timestamp(),
  primary key (scope_id, cache_key, run_id, ordinal, attempt)
);
create index task_cache_of_run on mlops.task_cache (run_id);

create table mlops.task_reuses (
  run_id       uuid not null references mlops.runs (run_id) on delete cascade,
  ordinal      integer not null,
  attempt      integer not null,
  -- As they were: the run may be gone by now.
  from_run     uuid not null,
  from_task    text not null,
  from_attempt integer not null,
  primary key (run_id, ordinal, attempt)
);
