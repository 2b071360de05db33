-- Tasks that wait beyond their deadline. Params: $1 scope. Rows: run, ordinal, name, status.
select run_id, ordinal, name, status, attempt from mlops.tasks
where scope_id = $1 and status in ('ready', 'waiting', 'retrying') and deadline_at <= clock_timestamp()
order by run_id, ordinal limit 500
