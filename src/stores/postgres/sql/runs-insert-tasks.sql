-- The tasks of a new run: those that nothing comes before and that have no condition are ready, with their events; the others pending.
-- Params: $1 scope, $2 run, $3 whether it is held; one element a task, in order: $4 names, $5 operators, $6 trigger rules, $7 conditions,
-- $8 needs and $9 dependents as texts of arrays, $10 priorities, $11 cpu, $12 memory, $13 gpu, $14 deadlines in milliseconds,
-- $15 kinds, $16 what they share.
-- Rows: how many are ready.
with inserted as (
  insert into mlops.tasks (run_id, ordinal, scope_id, name, operator, trigger_rule, when_expression, needs, dependents, priority,
                           cpu, memory_bytes, gpu, deadline_ms, kind, shared, status, queued, ready_at, deadline_at)
  select $2, t.place - 1, $1, t.name, t.operator, t.trigger_rule, t.when_expression, t.needs::integer[], t.dependents::integer[], t.priority,
         t.cpu, t.memory_bytes, t.gpu, t.deadline_ms, hashtextextended(t.kind, 0), t.shared::jsonb,
         case when s.now_ready then 'ready' else 'pending' end, s.now_ready and not $3,
         case when s.now_ready then clock_timestamp() end,
         case when s.now_ready then clock_timestamp() + t.deadline_ms * interval '1 millisecond' end
  from unnest($4::text[], $5::text[], $6::text[], $7::text[], $8::text[], $9::text[], $10::integer[], $11::double precision[],
              $12::bigint[], $13::integer[], $14::bigint[], $15::text[], $16::text[]) with ordinality
         as t(name, operator, trigger_rule, when_expression, needs, dependents, priority, cpu, memory_bytes, gpu, deadline_ms, kind, shared, place)
  cross join lateral (select t.needs = '{}' and t.when_expression is null as now_ready) s
  returning ordinal, name, status
), noted as (
  insert into mlops.run_event_batches (run_id, first_seq, last_seq, status, tasks)
  select $2, 1, count(*), 'ready', array_agg(name order by ordinal) from inserted where status = 'ready' having count(*) >= 16
), noted_alone as (
  insert into mlops.run_events (run_id, seq, task, status)
  select $2, n.seq, n.name, 'ready'
  from (select row_number() over (order by ordinal) as seq, count(*) over () as ready, name from inserted where status = 'ready') n
  where n.ready < 16
)
select count(*)::integer as readied from inserted where status = 'ready'
