-- The model registry: a row a model (its lock, and the last number given out), a version, a move between stages;
-- and the log of predictions.

create table mlops.models (
  scope_id     bigint not null references mlops.scopes (scope_id) on delete cascade,
  name         text not null,
  last_version integer not null default 0,
  created_at   timestamptz not null default clock_timestamp(),
  primary key (scope_id, name)
);

-- Versions never change but for their stage. json where the order of what was written is kept, jsonb where it is searched.
create table mlops.model_versions (
  version_id       uuid primary key default gen_random_uuid(),
  scope_id         bigint not null,
  model            text not null,
  version          integer not null check (version >= 1),
  -- The order of registration over all models, for paging.
  seq              bigint generated always as identity,
  stage            text not null default 'development' check (stage in ('development', 'staging', 'production', 'archived')),
  framework        text not null,
  metrics          jsonb not null,
  hyperparameters  json not null,
  artifacts        json not null,
  tags             jsonb not null,
  lineage          json not null,
  signature        json,
  description      text,
  idempotency_key  text,
  created_at       timestamptz not null,
  created_by       text not null,
  stage_changed_at timestamptz not null,
  foreign key (scope_id, model) references mlops.models (scope_id, name) on delete cascade,
  unique (scope_id, model, version)
);
create unique index model_versions_one_production on mlops.model_versions (scope_id, model) where stage = 'production';
create unique index model_versions_idempotency on mlops.model_versions (scope_id, model, idempotency_key)
  where idempotency_key is not null;
create index model_versions_newest on mlops.model_versions (scope_id, seq desc);
create index model_versions_at_stage on mlops.model_versions (scope_id, model, stage, version desc);

create function mlops.keep_model_version() returns trigger language plpgsql as $$
begin
  -- What a version is, without where it stands.
  if to_jsonb(new) - 'stage' - 'stage_changed_at' is distinct from to_jsonb(old) - 'stage' - 'stage_changed_at' then
    raise exception 'version % of model % cannot be changed', old.version, old.model using errcode = 'restrict_violation';
  end if;
  return new;
end
$$;
create trigger model_versions_never_change
  before update on mlops.model_versions for each row execute function mlops.keep_model_version();

create table mlops.stage_moves (
  move_id    bigint generated always as identity primary key,
  scope_id   bigint not null references mlops.scopes (scope_id),
  model      text not null,
  version    integer not null,
  version_id uuid not null references mlops.model_versions (version_id),
  -- Null: registered.
  from_stage text,
  to_stage   text not null,
  -- To the millisecond, as clients hold it, so that a time read from here finds the move again. Never runs back within a model.
  at         timestamptz not null,
  who        text not null,
  reason     text,
  gates      json not null default '[]'
);
create index stage_moves_of_model on mlops.stage_moves (scope_id, model, move_id desc);
create trigger stage_moves_is_append_only
  before update or delete or truncate on mlops.stage_moves
  for each statement execute function mlops.refuse_change();

create table mlops.predictions (
  prediction_id uuid primary key,
  scope_id      bigint not null references mlops.scopes (scope_id) on delete cascade,
  request_id    text not null,
  -- Position of the row within its request, from 0.
  ordinal       integer not null,
  endpoint      text not null,
  variant       text not null,
  model         text not null,
  version       integer not null,
  entity        json,
  features      json not null,
  prediction    json not null,
  latency_ms    double precision not null,
  at            timestamptz not null
);
create index predictions_newest on mlops.predictions (scope_id, at desc, prediction_id desc);
create index predictions_of_endpoint on mlops.predictions (scope_id, endpoint, at desc, prediction_id desc);
create index predictions_of_request on mlops.predictions (scope_id, request_id);
