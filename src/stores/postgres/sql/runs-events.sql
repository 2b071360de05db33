-- Events of a run after a number, in order; those that were written together are taken apart.
-- Params: $1 scope, $2 run, $3 number, $4 limit. Rows: at most $4. Locks: none.
with run as (
  select run_id from mlops.runs where scope_id = $1 and run_id = $2
), batches as (
  -- No more of them than the answer has room for.
  select n.* from (
    select b.*, sum(b.last_seq - greatest(b.first_seq, $3 + 1) + 1) over (order by b.last_seq) - (b.last_seq - greatest(b.first_seq, $3 + 1) + 1) as before
    from (select e.* from mlops.run_event_batches e join run on run.run_id = e.run_id
          where e.last_seq > $3 order by e.last_seq limit $4) b
  ) n where n.before < $4
)
select e.seq, e.at, e.task, e.status, e.attempt, e.error, e.data
from (
  (select s.seq, s.at, s.task, s.status, s.attempt, s.error, s.data
   from mlops.run_events s join run on run.run_id = s.run_id where s.seq > $3 order by s.seq limit $4)
  union all
  select b.first_seq + t.place - 1, b.at, t.task, b.status, t.attempt, null, '{}'
  from batches b cross join lateral unnest(b.tasks, b.attempts) with ordinality as t(task, attempt, place)
) e
where e.seq > $3
order by e.seq limit $4
