-- Counts ends of tasks at those after them that still are pending: after a retry others have counted them before. Where with that every task before one succeeded, and nothing else is asked, it is ready
-- at once and its event written; what the rules have to decide is answered. The caller holds the runs' locks.
-- Params, one element a task: $1 runs, $2 ordinals, $3 outcomes; one a run: $4 runs, $5 last numbers of their events.
-- (That a task is pending is asked by what it is not: so the planner does not hope for few rows, and goes by the key.)
-- Rows: of each run with tasks that became ready, how many (`readied`), and the pending tasks to decide about, as they stand now.
with counts as (
  select e.run_id, d.ordinal,
         count(*) filter (where e.outcome = 'succeeded') as succeeded,
         count(*) filter (where e.outcome = 'failed') as failed,
         count(*) filter (where e.outcome = 'skipped') as skipped
  from unnest($1::uuid[], $2::integer[], $3::text[]) as e(run_id, ordinal, outcome)
  join mlops.tasks u on u.run_id = e.run_id and u.ordinal = e.ordinal
  cross join unnest(u.dependents) as d(ordinal)
  group by e.run_id, d.ordinal
), counted as (
  update mlops.tasks t set
    needs_succeeded = t.needs_succeeded + c.succeeded,
    needs_failed    = t.needs_failed + c.failed,
    needs_skipped   = t.needs_skipped + c.skipped,
    status      = case when s.now_ready then 'ready' else t.status end,
    queued      = t.queued or s.now_ready,
    ready_at    = case when s.now_ready then clock_timestamp() else t.ready_at end,
    deadline_at = case when s.now_ready then coalesce(t.deadline_at, clock_timestamp() + t.deadline_ms * interval '1 millisecond')
                       else t.deadline_at end
  from counts c
  join mlops.tasks p on p.run_id = c.run_id and p.ordinal = c.ordinal
  cross join lateral (
    select p.when_expression is null and p.trigger_rule in ('all_success', 'none_failed', 'all_done', 'always')
             and p.needs_succeeded + c.succeeded = cardinality(p.needs) as now_ready
  ) s
  where t.run_id = p.run_id and t.ordinal = p.ordinal
    and p.status not in ('ready', 'waiting', 'running', 'retrying', 'succeeded', 'failed', 'timed_out', 'crashed', 'cancelled', 'skipped',
                         'upstream_failed')
  returning t.run_id, t.ordinal, t.name, t.status, t.trigger_rule, t.when_expression, cardinality(t.needs) as needs_total,
            t.needs_succeeded, t.needs_failed, t.needs_skipped, s.now_ready
), readied as (
  select c.run_id, b.last, count(*) as tasks, array_agg(c.name order by c.ordinal) as names
  from counted c join unnest($4::uuid[], $5::bigint[]) as b(run_id, last) on b.run_id = c.run_id
  where c.now_ready group by c.run_id, b.last
), noted as (
  insert into mlops.run_event_batches (run_id, first_seq, last_seq, status, tasks)
  select run_id, last + 1, last + tasks, 'ready', names from readied where tasks >= 16
), noted_alone as (
  insert into mlops.run_events (run_id, seq, task, status)
  select r.run_id, r.last + n.place, n.name, 'ready' from readied r cross join unnest(r.names) with ordinality as n(name, place) where r.tasks < 16
)
select run_id, tasks::integer as readied, null::integer as ordinal, null as name, null as trigger_rule, null as when_expression,
       null::integer as needs_total, null::integer as needs_succeeded, null::integer as needs_failed, null::integer as needs_skipped
from readied
union all
select run_id, null, ordinal, name, trigger_rule, when_expression, needs_total, needs_succeeded, needs_failed, needs_skipped
from counted
where status = 'pending'
  and (when_expression is not null or trigger_rule in ('one_success', 'one_failed') or needs_failed > 0 or needs_skipped > 0)
order by run_id, ordinal
