-- Events of all runs of a scope that one snapshot does not see and another does, run by run, each run's in their order.
-- Params: $1 scope, $2 snapshot seen, $3 snapshot to see, $4 not before (seconds since 1970), $5 run and $6 number of the last event that was given
-- out of these; filters: $7 pipeline, $8 run, $9 `run` or `task`, $10 states; $11 limit;
-- $12 the smallest number that the snapshot seen may not see: as a number, so that the planner knows how few there are. Rows: at most $11. Locks: none.
with fresh as materialized (
  -- By the index over numbers of transactions, which pages are found by; not by the order that is asked for below.
  select e.run_id, e.seq, e.at, e.task, e.status, e.attempt, e.error, e.data
  from mlops.run_events e
  where e.tx >= $12::bigint
    and not pg_visible_in_snapshot(e.tx::text::xid8, $2::pg_snapshot)
    and pg_visible_in_snapshot(e.tx::text::xid8, $3::pg_snapshot)
    and e.at >= to_timestamp($4::double precision)
    and ($5::uuid is null or (e.run_id, e.seq) > ($5::uuid, $6::bigint))
  union all
  -- Those that were written together are taken apart.
  select b.run_id, b.first_seq + t.place - 1, b.at, t.task, b.status, t.attempt, null, '{}'
  from mlops.run_event_batches b cross join lateral unnest(b.tasks, b.attempts) with ordinality as t(task, attempt, place)
  where b.tx >= $12::bigint
    and not pg_visible_in_snapshot(b.tx::text::xid8, $2::pg_snapshot)
    and pg_visible_in_snapshot(b.tx::text::xid8, $3::pg_snapshot)
    and b.at >= to_timestamp($4::double precision)
    and ($5::uuid is null or (b.run_id, b.first_seq + t.place - 1) > ($5::uuid, $6::bigint))
)
select f.run_id as "runId", r.pipeline, f.seq, f.at, f.task, f.status, f.attempt, f.error, f.data
from fresh f join mlops.runs r on r.run_id = f.run_id and r.scope_id = $1
where ($7::text is null or r.pipeline = mlops.current_pipeline($1, $7))
  and ($8::uuid is null or f.run_id = $8::uuid)
  and ($9::text is null or (f.task is null) = ($9 = 'run'))
  and ($10::text[] is null or f.status = any($10))
order by f.run_id, f.seq
limit $11
