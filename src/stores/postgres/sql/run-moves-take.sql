-- Takes changes of runs for those who export them.
-- Params: $1 scope, $2 limit. Rows: at most $2, in their order. Locks: those rows; what others hold is passed over.
with taken as (
  delete from mlops.run_moves
  where seq in (
    select seq from mlops.run_moves where scope_id = $1 and consumer = 'telemetry' order by seq limit $2 for update skip locked)
  returning seq, run_id, status, at
)
select run_id as "runId", status, at from taken order by seq
