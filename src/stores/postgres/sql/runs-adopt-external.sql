-- Gives leases that are over to another worker, where the attempt's program runs outside and may have outlived its worker.
-- Params: $1 scope, $2 worker, $3 node, $4 lease in seconds, $5 limit. Rows: at most $5. Locks: those attempts; skips locked ones.
with free as (
  select a.run_id, a.ordinal, a.attempt
  from mlops.task_attempts a
  where a.scope_id = $1 and a.ended_at is null and a.external is not null and a.lease_until <= clock_timestamp()
  order by a.lease_until limit $5
  for update skip locked
), taken as (
  update mlops.task_attempts a set worker_id = $2, node = $3, lease_until = clock_timestamp() + $4 * interval '1 second'
  from free
  where a.run_id = free.run_id and a.ordinal = free.ordinal and a.attempt = free.attempt
  returning a.run_id, a.ordinal, a.attempt, a.external, a.log_position
)
select taken.run_id, t.name as task, t.item, taken.attempt, r.pipeline, t.failures, t.recoveries, taken.external, taken.log_position,
       extract(epoch from t.deadline_at - clock_timestamp())::double precision * 1000 as deadline_in_ms,
       coalesce(l.chunks, 0)::integer as log_chunks, coalesce(l.characters, 0)::double precision as log_characters
from taken
join mlops.tasks t on t.run_id = taken.run_id and t.ordinal = taken.ordinal
join mlops.runs r on r.run_id = taken.run_id
left join lateral (
  select max(g.seq) as chunks, sum(length(g.text)) as characters
  from mlops.task_logs g where g.run_id = taken.run_id and g.ordinal = taken.ordinal and g.attempt = taken.attempt
) l on true
