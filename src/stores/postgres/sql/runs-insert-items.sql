-- The tasks of a task's items, ready or skipped, with their events. The caller holds the run's lock.
-- Params: $1 scope, $2 run, $3 the task's position, $4 last number of the run's events, $5 priority, $6 cpu, $7 memory, $8 gpu,
-- $9 deadline in milliseconds, $10 kind, $11 what they share; one element an item: $12 items, $13 whether it is skipped.
-- Rows: how many there are, and how many are ready.
-- Read once: from behind, past the rows that this statement itself has inserted, each look would take longer than the one before.
with last as materialized (
  select max(ordinal) as ordinal from mlops.tasks where run_id = $2
), inserted as (
  insert into mlops.tasks (run_id, ordinal, scope_id, name, operator, trigger_rule, needs, dependents, priority, cpu, memory_bytes, gpu,
                           deadline_ms, kind, shared, parent, item, status, queued, ready_at, deadline_at, finished_at)
  select $2, last.ordinal + i.place, $1, t.name || '[' || i.place - 1 || ']', t.operator, 'all_success', '{}', '{}', $5, $6, $7, $8,
         $9::bigint, hashtextextended($10, 0), $11::jsonb, $3, i.item::json, case when i.skip then 'skipped' else 'ready' end, not i.skip,
         case when not i.skip then clock_timestamp() end,
         case when not i.skip then clock_timestamp() + $9::bigint * interval '1 millisecond' end,
         case when i.skip then clock_timestamp() end
  from mlops.tasks t
  cross join last
  cross join unnest($12::text[], $13::boolean[]) with ordinality as i(item, skip, place)
  where t.run_id = $2 and t.ordinal = $3
  returning ordinal, name, status
), noted as (
  insert into mlops.run_event_batches (run_id, first_seq, last_seq, status, tasks)
  select $2, $4 + 1, $4 + count(*), min(status), array_agg(name order by ordinal) from inserted having count(*) >= 16 and min(status) = max(status)
), noted_alone as (
  insert into mlops.run_events (run_id, seq, task, status)
  select $2, $4 + n.place, n.name, n.status
  from (select row_number() over (order by ordinal) as place, name, status, count(*) over () as items,
               min(status) over () = max(status) over () as alike from inserted) n
  where n.items < 16 or not n.alike
)
select count(*)::integer as items, count(*) filter (where status = 'ready')::integer as readied from inserted
