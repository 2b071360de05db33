-- Backfills, newest first, after a place in that order, or one of them.
-- Params: $1 scope, $2 backfill or null, $3 pipeline or null, $4 created_at in microseconds and $5 id of the last seen, or nulls, $6 limit.
-- Rows: at most $6.
select b.backfill_id, b.pipeline, b.params, b.git_commit, b.from_at, b.to_at, b.concurrency, b.backwards, b.reprocess, b.status,
       b.created_by, b.created_at, b.cancelled_by, b.finished_at,
       (extract(epoch from b.created_at) * 1000000)::bigint::text as position, c.*
from mlops.backfills b
cross join lateral (
  select count(*) filter (where i.status = 'pending')::integer as pending,
         count(*) filter (where r.status in ('queued', 'running'))::integer as running,
         count(*) filter (where r.status = 'succeeded')::integer as succeeded,
         count(*) filter (where r.status = 'failed')::integer as failed,
         count(*) filter (where i.status = 'skipped')::integer as skipped,
         count(*) filter (where i.status = 'cancelled' or r.status = 'cancelled')::integer as cancelled
  from mlops.backfill_instants i left join mlops.runs r on r.run_id = i.run_id
  where i.backfill_id = b.backfill_id
) c
where b.scope_id = $1
  and ($2::uuid is null or b.backfill_id = $2)
  and ($3::text is null or b.pipeline = mlops.current_pipeline($1, $3))
  and ($4::bigint is null or (b.created_at, b.backfill_id) < ('epoch'::timestamptz + $4::bigint * interval '1 microsecond', $5::uuid))
order by b.created_at desc, b.backfill_id desc
limit $6
