-- Writes events that say the same of many tasks of a run. The caller holds the run's lock.
-- Params: $1 run, $2 first number, $3 state, $4 tasks in order, $5 their attempts or null. Rows: none.
insert into mlops.run_event_batches (run_id, first_seq, last_seq, status, tasks, attempts)
values ($1, $2::bigint, $2::bigint + cardinality($4::text[]) - 1, $3, $4, $5::integer[])
