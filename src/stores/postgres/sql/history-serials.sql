-- Serials of a scope, the newest first: applies, and changes that were made outside one. The serial at which the history
-- begins is one too.
-- $1 scope_id, $2 the first and $3 the last serial asked for, null for any, $4 limit
-- Rows: {serial, at, who, operation, applyId, gitCommit, outcome, counts}. Locks: none.
with entry as (
  select serial, min(at) as at, min(who) as who, min(operation) as operation, min(git_commit) as git_commit,
         bool_or(apply_id is not null) as applied
  from mlops.state_history where scope_id = $1 and ($2::bigint is null or serial >= $2) and ($3::bigint is null or serial <= $3) group by serial
), serials as (
  select a.serial_after as serial, a.started_at as at, a.who, a.operation, a.apply_id, a.git_commit, a.outcome
  from mlops.applies a join mlops.scopes s using (scope_id)
  where a.scope_id = $1 and a.serial_after > s.history_from 
    and ($2::bigint is null or a.serial_after >= $2) and ($3::bigint is null or a.serial_after <= $3)
  union all
  select serial, at, who, operation, null, git_commit, 'succeeded' from entry where not applied
), page as (
  select * from serials order by serial desc limit $4
)
select page.serial, page.at, page.who, page.operation, page.apply_id as "applyId", page.git_commit as "gitCommit",
       page.outcome,
       coalesce((select json_object_agg(action, n order by action) from (
         select action, count(*) as n from mlops.state_history h
         where h.scope_id = $1 and h.serial = page.serial group by action) as counted), '{}') as counts
from page order by page.serial desc
