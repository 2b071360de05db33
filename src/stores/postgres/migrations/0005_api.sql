-- The HTTP interface: answers kept under a client's Idempotency-Key, and artifacts uploaded after a version is registered.
create table mlops.idempotency_keys (
  scope_id       bigint      not null references mlops.scopes (scope_id) on delete cascade,
  caller         text        not null,
  key            text        not null,
  request_digest text        not null,
  claimed_at     timestamptz not null default clock_timestamp(),
  status         integer,
  body           text,
  primary key (scope_id, caller, key),
  check ((status is null) = (body is null))
);

create index idempotency_keys_claimed_at on mlops.idempotency_keys (claimed_at);

-- A version never changes, but the content of an artifact may come after its registration. What has content keeps it.
create or replace function mlops.keep_model_version() returns trigger language plpgsql as $$
begin
  if to_jsonb(new) - 'stage' - 'stage_changed_at' - 'artifacts' is distinct from to_jsonb(old) - 'stage' - 'stage_changed_at' - 'artifacts'
    or exists (
      select from json_array_elements(old.artifacts) as had
      where had ->> 'digest' is not null
        and not exists (select from json_array_elements(new.artifacts) as has where has::jsonb = had::jsonb)
    )
  then
    raise exception 'version % of model % cannot be changed', old.version, old.model using errcode = 'restrict_violation';
  end if;
  return new;
end
$$;
