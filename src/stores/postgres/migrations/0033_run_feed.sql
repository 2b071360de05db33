-- The number of the transaction that wrote an event: a reader of all runs' events knows by it what it has not seen. Of events before this: null.
alter table mlops.run_events add column tx bigint;
alter table mlops.run_events alter column tx set default pg_current_xact_id()::text::bigint;
-- Events are only ever added: what a page holds lies close together, and this costs those who write them next to nothing.
create index run_events_of_transactions on mlops.run_events using brin (tx) with (pages_per_range = 16, autosummarize = on);
