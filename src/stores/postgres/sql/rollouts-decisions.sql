-- Decisions about a rollout, the oldest first: of a long one the first and the newest.
-- Parameters: $1 scope, $2 rollout, $3 how many at most.
-- Rows: one a decision. Locks: none.
select decision_id as id, at, who, kind, status, step, share, reason, checks
  from (select d.*, row_number() over (order by d.decision_id) as place, row_number() over (order by d.decision_id desc) as back
          from mlops.rollout_decisions d where d.scope_id = $1 and d.rollout_id = $2) numbered
 where place = 1 or back < $3
 order by decision_id
