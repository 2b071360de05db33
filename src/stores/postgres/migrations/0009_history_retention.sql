-- The history may be summed up to a serial, by a transaction that says so (`mlops.summing` is `on`). Else it stays append-only.

create function mlops.keep_history() returns trigger language plpgsql as $$
begin
  if tg_op <> 'TRUNCATE' and current_setting('mlops.summing', true) = 'on' then
    return null;
  end if;
  raise exception 'mlops.% is append-only', tg_table_name using errcode = 'restrict_violation';
end
$$;
drop trigger state_history_is_append_only on mlops.state_history;
create trigger state_history_is_append_only
  before update or delete or truncate on mlops.state_history
  for each statement execute function mlops.keep_history();
create index state_history_renamed_from on mlops.state_history (scope_id, previous_address, entry_id desc)
  where previous_address is not null;
