-- Large runs go on in large steps: what many ends of one run bring with them is one call, and many events of one kind are one row.

-- Events that came to be together and say the same of many tasks, under numbers that follow each other.
create table mlops.run_event_batches (
  run_id    uuid not null,
  first_seq bigint not null,
  last_seq  bigint not null,
  at        timestamptz not null default clock_timestamp(),
  status    text not null,
  tasks     text[] not null,
  -- Null: they are of no attempt.
  attempts  integer[],
  -- The number of the transaction that wrote them: a reader of all runs' events knows by it what it has not seen.
  tx        bigint not null default pg_current_xact_id()::text::bigint,
  primary key (run_id, last_seq)
);
create index run_event_batches_of_transactions on mlops.run_event_batches using brin (tx) with (pages_per_range = 16, autosummarize = on);

create or replace function mlops.forget_runs() returns trigger language plpgsql as $$
begin
  delete from mlops.task_logs where run_id in (select run_id from gone);
  delete from mlops.run_events where run_id in (select run_id from gone);
  delete from mlops.run_event_batches where run_id in (select run_id from gone);
  delete from mlops.task_attempts where run_id in (select run_id from gone);
  delete from mlops.tasks where run_id in (select run_id from gone);
  return null;
end
$$;

-- None of its tasks has a condition, items, or a trigger that asks for more than that all before it ended; and none ended otherwise than
-- succeeded. Then a task is ready once as many before it succeeded as there are, and nothing else has to be decided.
alter table mlops.runs add column plain boolean not null default false;

-- Half of a page is for the next versions of its rows: a batch of neighbours goes on within their page, and touches no index.
alter table mlops.tasks set (fillfactor = 45);

-- Attempts of a plain run that succeeded, all in one: they end, what comes after them is counted down, and what is ready by that is claimed at
-- once by the worker that ended them, as far as it has slots. Handed on are tasks that ask for no room and share nothing, and only where
-- nobody else in the scope waits for a turn but tasks of the same run and kind, which then go first: what a claim would have decided.
-- Fenced as every end is: an attempt that has an end, or is not the one named, is not touched.
-- Answers null and changes nothing where the run is not plain, is not running, is being cancelled, or ends with these.
create function mlops.go_on(
  of_scope bigint, of_run uuid, ordinals integer[], attempts integer[], outputs text[], walls double precision[],
  by_worker uuid, on_node text, lease_seconds double precision, slots integer
) returns json language plpgsql
-- Few rows of large tables are found by their keys, however large these are by now: planned each time, and by names that the planner takes for many.
set plan_cache_mode = force_custom_plan
set enable_seqscan = off set enable_hashjoin = off set enable_mergejoin = off set enable_material = off set enable_bitmapscan = off
as $$
declare
  seq bigint;
  of_pipeline text;
  ended_places integer[];
  ended_names text[];
  ended_attempts integer[];
  after_ordinals integer[];
  after_counts integer[];
  ready_names text[];
  taken integer[];
  taken_names text[];
  taken_attempts integer[];
  taken_deadlines double precision[];
  waiting integer[] := '{}';
  hands_on boolean;
  left_over boolean;
begin
  select r.event_seq, r.pipeline into seq, of_pipeline from mlops.runs r
  where r.run_id = of_run and r.scope_id = of_scope and r.plain and r.status = 'running' and not r.held and r.cancel_requested_at is null
    and r.open_tasks > cardinality(ordinals)
  for update;
  if not found then
    return null;
  end if;

  with given as materialized (
    select of_run as run_id, e.* from unnest(ordinals, attempts, outputs, walls) with ordinality as e(ordinal, attempt, outputs, wall, place)
  ), ended as (
    update mlops.task_attempts a set status = 'succeeded', ended_at = clock_timestamp(), wall_seconds = e.wall
    from given e
    where a.run_id = e.run_id and a.ordinal = e.ordinal and a.attempt = e.attempt
      and a.status not in ('succeeded', 'failed', 'timed_out', 'crashed', 'cancelled')
    returning e.run_id, e.ordinal, e.outputs, e.place
  ), moved as (
    update mlops.tasks t set status = 'succeeded', exit_code = null, error = null, outputs = coalesce(e.outputs, '{}')::json,
           not_before = null, finished_at = clock_timestamp()
    from ended e
    where t.run_id = e.run_id and t.ordinal = e.ordinal and t.status = 'running'
    returning t.name, t.attempt, t.dependents, e.place
  ), counted as (
    select d.ordinal, count(*)::integer as ended from moved cross join unnest(moved.dependents) as d(ordinal) group by d.ordinal
  )
  select array_agg(m.place::integer order by m.place), array_agg(m.name order by m.place), array_agg(m.attempt order by m.place),
         (select array_agg(c.ordinal order by c.ordinal) from counted c), (select array_agg(c.ended order by c.ordinal) from counted c)
  into ended_places, ended_names, ended_attempts, after_ordinals, after_counts
  from moved m;
  if ended_names is null then
    return json_build_object('held', '[]'::json, 'pipeline', of_pipeline, 'ordinals', '[]'::json, 'more', true);
  end if;

  -- Who else waits for a turn.
  select slots > 0 and count(*) <= slots and coalesce(bool_and(q.run_id = of_run and q.cpu = 0 and q.memory_bytes = 0 and q.gpu = 0
           and q.shared is null and q.deadline_at is null), true),
         count(*) > 0, coalesce(array_agg(q.ordinal) filter (where q.run_id = of_run), '{}')
  into hands_on, left_over, waiting
  from (select t.run_id, t.ordinal, t.cpu, t.memory_bytes, t.gpu, t.shared, t.deadline_at
        from mlops.tasks t where t.scope_id = of_scope and t.queued limit greatest(slots, 0) + 1) q;
  if hands_on and exists (select from mlops.tasks t where t.scope_id = of_scope and t.not_before <= clock_timestamp()) then
    hands_on := false;
    left_over := true;
  end if;

  with counted as materialized (
    select of_run as run_id, o.ordinal, o.ended from unnest(after_ordinals, after_counts) as o(ordinal, ended)
    union all
    select of_run, w.ordinal, 0 from unnest(waiting) as w(ordinal) where hands_on
  ), next as materialized (
    select t.ctid as place, t.ordinal, c.ended, t.status as was,
           t.status <> 'pending' or t.needs_succeeded + c.ended = cardinality(t.needs) as now_ready,
           hands_on and (t.status <> 'pending'
             or t.needs_succeeded + c.ended = cardinality(t.needs) and t.cpu = 0 and t.memory_bytes = 0 and t.gpu = 0 and t.shared is null
                and t.deadline_at is null) as able,
           t.priority
    from counted c join mlops.tasks t on t.run_id = c.run_id and t.ordinal = c.ordinal
    where t.status not in ('running', 'retrying', 'succeeded', 'failed', 'timed_out', 'crashed', 'cancelled', 'skipped', 'upstream_failed')
      and (t.status = 'pending' or c.ended = 0)
  ), placed as materialized (
    select n.*, n.able and row_number() over (order by n.able desc, n.was = 'pending', n.priority desc, n.ordinal) <= slots as handed from next n
  ), gone_on as (
    update mlops.tasks t set
      needs_succeeded = t.needs_succeeded + p.ended,
      status      = case when p.handed then 'running' when p.now_ready then 'ready' else t.status end,
      queued      = p.now_ready and not p.handed,
      attempt     = case when p.handed then t.attempt + 1 else t.attempt end,
      ready_at    = case when p.now_ready and not p.handed then coalesce(t.ready_at, clock_timestamp()) else t.ready_at end,
      started_at  = case when p.handed then coalesce(t.started_at, clock_timestamp()) else t.started_at end,
      deadline_at = case when p.now_ready then coalesce(t.deadline_at, clock_timestamp() + t.deadline_ms * interval '1 millisecond')
                         else t.deadline_at end,
      waiting_for = case when p.handed then null else t.waiting_for end
    from placed p
    -- What is pending or waits changes under the run's lock alone: it is where it was found.
    where t.ctid = p.place
    returning t.ordinal, t.name, t.attempt, t.deadline_ms, p.now_ready, p.handed, p.was
  ), leased as (
    insert into mlops.task_attempts (run_id, ordinal, attempt, scope_id, worker_id, node, cpu, memory_bytes, gpu, lease_until)
    select of_run, g.ordinal, g.attempt, of_scope, by_worker, on_node, 0, 0, 0, clock_timestamp() + lease_seconds * interval '1 second'
    from gone_on g where g.handed
  )
  select array_agg(g.name order by g.ordinal) filter (where g.now_ready and g.was = 'pending'),
         array_agg(g.ordinal order by g.ordinal) filter (where g.handed), array_agg(g.name order by g.ordinal) filter (where g.handed),
         array_agg(g.attempt order by g.ordinal) filter (where g.handed),
         array_agg(g.deadline_ms::double precision order by g.ordinal) filter (where g.handed),
         left_over and not hands_on or coalesce(bool_or(g.now_ready and not g.handed), false)
  into ready_names, taken, taken_names, taken_attempts, taken_deadlines, left_over
  from gone_on g;

  insert into mlops.run_event_batches (run_id, first_seq, last_seq, status, tasks, attempts)
  select of_run, b.before + 1, b.before + cardinality(b.tasks), b.status, b.tasks, b.attempts
  from (values (seq, 'succeeded', ended_names, ended_attempts),
               (seq + cardinality(ended_names), 'ready', ready_names, null::integer[]),
               (seq + cardinality(ended_names) + coalesce(cardinality(ready_names), 0), 'running', taken_names, taken_attempts))
    as b(before, status, tasks, attempts)
  where cardinality(b.tasks) > 0;
  update mlops.runs r set
    event_seq  = seq + cardinality(ended_names) + coalesce(cardinality(ready_names), 0) + coalesce(cardinality(taken_names), 0),
    open_tasks = r.open_tasks - cardinality(ended_names)
  where r.run_id = of_run;
  perform pg_notify('mlops_runs', of_scope || ' ' || of_run || case when left_over then ' work' else ' state' end);
  return json_build_object(
    -- Which were still held; null: all.
    'held', case when cardinality(ended_places) < cardinality(ordinals) then to_json(ended_places) end,
    'pipeline', of_pipeline, 'ordinals', coalesce(to_json(taken), '[]'), 'names', coalesce(to_json(taken_names), '[]'), 'attempts', coalesce(to_json(taken_attempts), '[]'),
    'deadlines', coalesce(to_json(taken_deadlines), '[]'), 'more', left_over);
end
$$;
