-- A renamed resource answers to the name that it had, and to those before; the name that it takes is its own.
-- $1 scope_id, $2 kind, $3 old name, $4 new name
-- Rows: none. Locks: the rows of these names.
with taken as (
  delete from mlops.former_names where scope_id = $1 and kind = $2 and former = $4
), followed as (
  update mlops.former_names set name = $4 where scope_id = $1 and kind = $2 and name = $3 and former <> $4
)
insert into mlops.former_names (scope_id, kind, former, name) values ($1, $2, $3, $4)
on conflict (scope_id, kind, former) do update set name = excluded.name, renamed_at = excluded.renamed_at
