-- Appends events of one run and hints at them. Counting the number up locks the run: events have the order of their commits.
-- Params: $1 run, $2 json array of {task, status, attempt, error, data}, $3 payload of the hint. Rows: one.
with counted as (
  update mlops.runs set event_seq = event_seq + json_array_length($2) where run_id = $1
  returning event_seq - json_array_length($2) as before
), appended as (
  insert into mlops.run_events (run_id, seq, task, status, attempt, error, data)
  select $1, counted.before + e.position, e.event ->> 'task', e.event ->> 'status', (e.event ->> 'attempt')::integer,
         e.event ->> 'error', coalesce(e.event -> 'data', '{}')
  from counted, json_array_elements($2) with ordinality as e(event, position)
)
select pg_notify('mlops_runs', $3)
