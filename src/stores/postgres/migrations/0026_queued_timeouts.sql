-- How long a task may wait for room. Of runs that are under way, and of tasks that have such a limit alone: the tasks themselves carry
-- nothing for it.

create table mlops.queued_timeouts (
  scope_id bigint not null references mlops.scopes (scope_id) on delete cascade,
  run_id   uuid not null references mlops.runs (run_id) on delete cascade,
  ordinal  integer not null,
  waits    interval not null,
  primary key (run_id, ordinal)
);
create index queued_timeouts_of_scope on mlops.queued_timeouts (scope_id);
