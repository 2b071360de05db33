-- How runs, their open tasks and the machines stand. Reads what is open, by partial indexes, never the history.
-- Params: $1 scope. Rows: one. Locks: none.
with open_runs as (
  select count(*) filter (where status = 'queued') as queued, count(*) filter (where status = 'running') as running,
         coalesce(sum(open_tasks), 0) as tasks
  from mlops.runs where scope_id = $1 and status in ('queued', 'running')
), queue as (
  select count(*) filter (where status = 'ready') as ready, count(*) filter (where status = 'waiting') as waiting,
         extract(epoch from clock_timestamp() - min(ready_at))::double precision as oldest
  from mlops.tasks where scope_id = $1 and queued
), retries as (
  -- What waits for something outside is retrying with a time that never comes.
  select count(*) filter (where not_before < timestamptz '9999-01-01 00:00:00Z') as retrying,
         count(*) filter (where not_before >= timestamptz '9999-01-01 00:00:00Z') as deferred
  from mlops.tasks where scope_id = $1 and not_before is not null
), held as (
  select node, count(*) as tasks, sum(cpu)::double precision as cpu, sum(memory_bytes)::double precision as memory, sum(gpu)::integer as gpu
  from mlops.task_attempts where scope_id = $1 and ended_at is null and lease_until > clock_timestamp()
  group by node
), machines as (
  select node, count(*) as workers, max(cpu)::double precision as cpu, max(memory_bytes)::double precision as memory, max(gpu)::integer as gpu
  from mlops.workers where scope_id = $1 and lease_until > clock_timestamp()
  group by node
)
select r.queued, r.running, r.tasks::bigint as open_tasks, q.ready, q.waiting, q.oldest, t.retrying, t.deferred,
       coalesce((select sum(tasks) from held), 0)::bigint as running_tasks,
       (select coalesce(json_agg(json_build_object(
                 'node', m.node, 'workers', m.workers, 'tasks', coalesce(h.tasks, 0),
                 'has', json_build_object('cpu', m.cpu, 'memoryBytes', m.memory, 'gpu', m.gpu),
                 'used', json_build_object('cpu', coalesce(h.cpu, 0), 'memoryBytes', coalesce(h.memory, 0), 'gpu', coalesce(h.gpu, 0))
               ) order by m.node), '[]')
        from machines m left join held h using (node)) as machines
from open_runs r, queue q, retries t
