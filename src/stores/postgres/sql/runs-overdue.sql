-- Tasks that wait beyond their deadline. Params: $1 scope. Rows: at most 1,000: run, ordinal, name, status.
(select run_id, ordinal, name, status from mlops.tasks
 where scope_id = $1 and queued and deadline_at <= clock_timestamp() order by deadline_at limit 500)
union all
(select run_id, ordinal, name, status from mlops.tasks
 where scope_id = $1 and not_before is not null and deadline_at <= clock_timestamp() order by not_before limit 500)
