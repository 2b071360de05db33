-- The tasks of a new run: those that nothing comes before and that have no condition are ready, with their events; the others pending.
-- Params: $1 scope, $2 run, $3 whether it is held; one element a task, in order: $4 names, $5 needs and $6 dependents as texts of arrays,
-- $7 which form it has, from 1; one element a form: $8 operators, $9 trigger rules, $10 conditions, $11 priorities, $12 cpu, $13 memory,
-- $14 gpu, $15 deadlines in milliseconds, $16 kinds, $17 what they share.
-- Rows: how many are ready.
with forms as materialized (
  select f.*, hashtextextended(f.kind_text, 0) as kind, f.shared_text::jsonb as shared
  from unnest($8::text[], $9::text[], $10::text[], $11::integer[], $12::double precision[], $13::bigint[], $14::integer[], $15::bigint[],
              $16::text[], $17::text[]) with ordinality
         as f(operator, trigger_rule, when_expression, priority, cpu, memory_bytes, gpu, deadline_ms, kind_text, shared_text, place)
), inserted as (
  insert into mlops.tasks (run_id, ordinal, scope_id, name, operator, trigger_rule, when_expression, needs, dependents, priority,
                           cpu, memory_bytes, gpu, deadline_ms, kind, shared, status, queued, ready_at, deadline_at)
  select $2, t.place - 1, $1, t.name, f.operator, f.trigger_rule, f.when_expression, t.needs::integer[], t.dependents::integer[], f.priority,
         f.cpu, f.memory_bytes, f.gpu, f.deadline_ms, f.kind, f.shared,
         case when s.now_ready then 'ready' else 'pending' end, s.now_ready and not $3,
         case when s.now_ready then clock_timestamp() end,
         case when s.now_ready then clock_timestamp() + f.deadline_ms * interval '1 millisecond' end
  from unnest($4::text[], $5::text[], $6::text[], $7::integer[]) with ordinality as t(name, needs, dependents, form, place)
  join forms f on f.place = t.form
  cross join lateral (select t.needs = '{}' and f.when_expression is null as now_ready) s
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
