-- What live leases on a machine hold, the machines of live workers, each kind once, and when the next retry is due.
-- Params: $1 scope, $2 node. Rows: one. The caller holds the advisory lock of the machine.
select
  coalesce(sum(a.cpu), 0)::double precision as cpu,
  coalesce(sum(a.memory_bytes), 0)::double precision as memory_bytes,
  coalesce(sum(a.gpu), 0)::integer as gpu,
  coalesce((select array_agg(g) from mlops.task_attempts h cross join unnest(h.gpus) as g
            where h.scope_id = $1 and h.node = $2 and h.ended_at is null and h.lease_until > clock_timestamp()), '{}') as gpus,
  (select coalesce(json_agg(m), '[]') from
     (select distinct w.cpu, w.memory_bytes::double precision as "memoryBytes", w.gpu
      from mlops.workers w where w.scope_id = $1 and w.lease_until > clock_timestamp()) m) as machines,
  (select extract(epoch from min(t.not_before) - clock_timestamp())::double precision * 1000
     from mlops.tasks t where t.scope_id = $1 and t.not_before > clock_timestamp()) as next_due_ms
from mlops.task_attempts a
where a.scope_id = $1 and a.node = $2 and a.ended_at is null and a.lease_until > clock_timestamp()
