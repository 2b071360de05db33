-- Takes an attempt back and lets its task wait. The caller holds the run's lock.
-- Params: $1 run, $2 task, $3 attempt, $4 scope, $5 look every so many milliseconds, $6 the run waited for, $7 what for people,
-- $8 the key of the work that another attempt has in hand.
-- Rows: one where the attempt was held. Locks: the attempt and the task.
with given as (
  delete from mlops.task_attempts a using mlops.tasks t
  where a.run_id = $1 and t.run_id = $1 and t.name = $2 and a.ordinal = t.ordinal and a.attempt = $3 and a.ended_at is null
    and t.status = 'running'
  returning a.run_id, a.ordinal, a.attempt
), waiting as (
  update mlops.tasks t set status = 'retrying', not_before = timestamptz '9999-12-31 00:00:00Z', waiting_for = $7,
    exit_code = null, error = null
  from given where t.run_id = given.run_id and t.ordinal = given.ordinal
  returning t.run_id, t.ordinal
)
insert into mlops.deferred_tasks (run_id, ordinal, scope_id, attempt, every_ms, check_at, child_run, what, cache_key)
select given.run_id, given.ordinal, $4, given.attempt, $5::bigint, clock_timestamp() + $5::bigint * interval '1 millisecond', $6::uuid, $7, $8
from given join waiting using (run_id, ordinal)
on conflict (run_id, ordinal) do update set
  attempt = excluded.attempt, every_ms = excluded.every_ms, check_at = excluded.check_at,
  child_run = excluded.child_run, what = excluded.what, cache_key = excluded.cache_key, resumed = false
returning ordinal
