-- Takes a model's lock, registering the model where it is new: its versions and stages are changed by one at a time.
-- Params: $1 scope, $2 model, by its name or a former one. Rows: {last_version}, one. Locks: the model's row, until the transaction's end.
insert into mlops.models (scope_id, name) values ($1, mlops.current_name($1, 'model', $2))
on conflict (scope_id, name) do update set name = excluded.name
returning last_version
