-- Attempts whose program runs outside of the worker's machine, such as a Job in a cluster, outlive their worker.
alter table mlops.task_attempts
  -- Where it runs; written before it is made.
  add column external     json,
  -- How far its log is taken.
  add column log_position json;
create index task_attempts_external on mlops.task_attempts (scope_id, lease_until) where ended_at is null and external is not null;
-- Stands on everything made outside: tells the control stores apart that use one cluster.
alter table mlops.scopes add column external_owner uuid not null default gen_random_uuid();
