-- Runs in large batches: what is ready is found by one index, whatever the history; an end changes no indexed column (HOT);
-- no foreign key is checked row by row.

-- How many tasks of the run are not at their end. Changed under the run's lock, in the transaction that moves the tasks.
alter table mlops.runs add column open_tasks integer not null default 0;
update mlops.runs r set open_tasks = (
  select count(*) from mlops.tasks t
  where t.run_id = r.run_id and t.status in ('pending', 'ready', 'waiting', 'running', 'retrying')
) where r.status in ('queued', 'running');

-- Tasks of one kind ask for the same: a worker never needs to look at more of a kind than it has slots.
alter table mlops.tasks add column kind bigint not null default 0;
-- Ready or waiting, and its run is not held: may be claimed.
alter table mlops.tasks add column queued boolean not null default false;
update mlops.tasks t set queued = true, kind = hashtextextended(concat_ws(' ', r.pipeline, t.priority, t.cpu, t.memory_bytes, t.gpu), 0)
from mlops.runs r
where r.run_id = t.run_id and not r.held and t.status in ('ready', 'waiting');
update mlops.tasks t set kind = hashtextextended(concat_ws(' ', r.pipeline, t.priority, t.cpu, t.memory_bytes, t.gpu), 0)
from mlops.runs r
where r.run_id = t.run_id and r.status in ('queued', 'running') and not t.queued;

drop index mlops.tasks_claimable;
drop index mlops.tasks_open;
create index tasks_queued on mlops.tasks (scope_id, kind, ready_at, ordinal) where queued;
create index tasks_retrying on mlops.tasks (scope_id, not_before) where not_before is not null;
create index tasks_queued_with_deadline on mlops.tasks (scope_id, deadline_at) where queued and deadline_at is not null;

drop index mlops.task_attempts_live;
drop index mlops.task_attempts_of_worker;
-- Few rows at any time: a renewal changes no column of it.
create index task_attempts_held on mlops.task_attempts (scope_id, node, worker_id) where ended_at is null;

-- These rows come to be under the lock of their run, and go with it.
alter table mlops.tasks drop constraint tasks_run_id_fkey;
alter table mlops.task_attempts drop constraint task_attempts_run_id_ordinal_fkey;
alter table mlops.run_events drop constraint run_events_run_id_fkey;
alter table mlops.task_logs drop constraint task_logs_run_id_ordinal_fkey;
create function mlops.forget_runs() returns trigger language plpgsql as $$
begin
  delete from mlops.task_logs where run_id in (select run_id from gone);
  delete from mlops.run_events where run_id in (select run_id from gone);
  delete from mlops.task_attempts where run_id in (select run_id from gone);
  delete from mlops.tasks where run_id in (select run_id from gone);
  return null;
end
$$;
create trigger runs_forgotten after delete on mlops.runs referencing old table as gone
  for each statement execute function mlops.forget_runs();

alter table mlops.runs set (fillfactor = 80, autovacuum_vacuum_scale_factor = 0.05);
alter table mlops.tasks set (fillfactor = 70, autovacuum_vacuum_scale_factor = 0.02, autovacuum_vacuum_threshold = 5000);
alter table mlops.task_attempts set (fillfactor = 80, autovacuum_vacuum_scale_factor = 0.02, autovacuum_vacuum_threshold = 5000);
