-- Tasks that wait for something outside: no attempt, no lease, no slot. Their task is `retrying` with a time that never comes;
-- a look that finds what they wait for lets them run.
create table mlops.deferred_tasks (
  run_id    uuid not null,
  ordinal   integer not null,
  scope_id  bigint not null,
  -- The attempt that found that there is nothing to do yet.
  attempt   integer not null,
  every_ms  bigint not null,
  check_at  timestamptz not null,
  -- The run that is waited for, where it is one: its end is enough.
  child_run uuid,
  -- What was waited for is there; the attempt after this one knows by it that it has waited.
  resumed   boolean not null default false,
  -- For people.
  what      text not null,
  primary key (run_id, ordinal),
  foreign key (run_id, ordinal) references mlops.tasks (run_id, ordinal) on delete cascade
);
create index deferred_tasks_due on mlops.deferred_tasks (scope_id, check_at);
create index deferred_tasks_of_child on mlops.deferred_tasks (scope_id, child_run) where child_run is not null and not resumed;
-- Runs that tasks of other runs started and that go on.
create index runs_of_tasks on mlops.runs (scope_id) where status in ('queued', 'running') and (cause ->> 'kind') = 'pipeline_task';
