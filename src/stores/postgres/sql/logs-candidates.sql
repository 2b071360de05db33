-- Runs of a pipeline, newest first, after a place in that order, each with the attempts whose log may hold a text, or a line
-- that a pattern matches (where no text is asked for). A text may begin in one chunk and end in the next one of its stream.
-- Params: $1 scope, $2 pipeline, $3 not before, $4 created_at in microseconds and $5 id of the last seen, $6 runs at most,
-- $7 text or null, $8 whether case is folded (the text is lower case then), $9 regular expression or null. Rows: at most $6. Locks: none.
with batch as (
  select run_id, created_at from mlops.runs
  where scope_id = $1 and pipeline = mlops.current_pipeline($1, $2)
    and ($3::timestamptz is null or created_at >= $3)
    and ($4::bigint is null or (created_at, run_id) < ('epoch'::timestamptz + $4::bigint * interval '1 microsecond', $5::uuid))
  order by created_at desc, run_id desc
  limit $6
), pieces as (
  select l.run_id, l.ordinal, l.attempt,
         case when $7::text is null then l.text
              else coalesce(lag(right(l.text, length($7) - 1)) over (partition by l.run_id, l.ordinal, l.attempt, l.stream order by l.seq), '') || l.text
         end as text
  from batch b join mlops.task_logs l on l.run_id = b.run_id
), found as (
  select distinct run_id, ordinal, attempt from pieces
  where case when $7::text is not null then position($7 in case when $8 then lower(text) else text end) > 0
             else text ~* $9 end
)
select b.run_id as "runId", b.created_at as "createdAt", (extract(epoch from b.created_at) * 1000000)::bigint::text as position,
       coalesce((select json_agg(json_build_object('task', t.name, 'attempt', f.attempt) order by f.ordinal, f.attempt)
                 from found f join mlops.tasks t on t.run_id = f.run_id and t.ordinal = f.ordinal
                 where f.run_id = b.run_id), '[]') as places
from batch b
order by b.created_at desc, b.run_id desc
