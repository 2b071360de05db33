-- What of the registry may change: tags and descriptions of models and versions, aliases, deletion. Each change is appended to a history.

alter table mlops.models
  -- Keeps its history together under every name that it has.
  add column model_id    uuid not null default gen_random_uuid() unique,
  add column description text,
  add column tags        jsonb not null default '{}',
  add column updated_at  timestamptz not null default date_trunc('milliseconds', clock_timestamp()),
  -- Its row stays: numbers of versions are never given twice.
  add column deleted_at  timestamptz;

alter table mlops.model_versions disable trigger model_versions_never_change;
alter table mlops.model_versions
  add column run_id     text,
  add column source     text,
  add column updated_at timestamptz,
  -- What was in production once is known still when it is deleted.
  add column deleted_at timestamptz;
update mlops.model_versions set run_id = lineage #>> '{run,id}', updated_at = stage_changed_at;
alter table mlops.model_versions
  alter column updated_at set not null,
  alter column updated_at set default date_trunc('milliseconds', clock_timestamp());
alter table mlops.model_versions enable trigger model_versions_never_change;

create or replace function mlops.keep_model_version() returns trigger language plpgsql as $$
declare
  may_change text[] := array['stage', 'stage_changed_at', 'artifacts', 'model', 'tags', 'description', 'updated_at', 'deleted_at'];
begin
  if old.deleted_at is not null and new.deleted_at is distinct from old.deleted_at then
    raise exception 'version % of model % was deleted', old.version, old.model using errcode = 'restrict_violation';
  end if;
  -- A version that is deleted gives its key back: registering it again makes another.
  if old.deleted_at is null and new.deleted_at is not null and new.idempotency_key is null then
    may_change := may_change || 'idempotency_key'::text;
  end if;
  -- Its model changes in a rename alone, which says so for its own transaction: `mlops.renaming` is `OLD NEW`.
  if to_jsonb(new) - may_change is distinct from to_jsonb(old) - may_change
    or new.model <> old.model
       and current_setting('mlops.renaming', true) is distinct from old.model || ' ' || new.model
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

-- What versions are searched by, narrow and in order: a search over many versions reads none of what they say beside.
create table mlops.model_version_metrics (
  scope_id bigint not null,
  metric   text not null,
  value    double precision not null,
  seq      bigint not null,
  primary key (scope_id, metric, seq)
);
create index model_version_metrics_by_value on mlops.model_version_metrics (scope_id, metric, value, seq);

create table mlops.model_version_tags (
  scope_id bigint not null,
  key      text not null,
  value    text not null,
  seq      bigint not null,
  primary key (scope_id, key, seq)
);
-- A hash: a value may be longer than an index takes.
create index model_version_tags_by_value on mlops.model_version_tags (scope_id, key, md5(value), seq);

create function mlops.index_model_version() returns trigger language plpgsql as $$
begin
  if tg_op = 'INSERT' then
    insert into mlops.model_version_metrics (scope_id, metric, value, seq)
    select new.scope_id, m.key, m.value::text::double precision, new.seq from jsonb_each(new.metrics) as m where jsonb_typeof(m.value) = 'number';
  else
    delete from mlops.model_version_tags t
     where t.scope_id = old.scope_id and t.seq = old.seq and t.key in (select jsonb_object_keys(old.tags))
       and (new.deleted_at is not null or new.tags ->> t.key is distinct from t.value);
    if new.deleted_at is not null then
      delete from mlops.model_version_metrics m
       where m.scope_id = old.scope_id and m.seq = old.seq and m.metric in (select jsonb_object_keys(old.metrics));
      return null;
    end if;
  end if;
  insert into mlops.model_version_tags (scope_id, key, value, seq)
  select new.scope_id, t.key, t.value, new.seq from jsonb_each_text(new.tags) as t where t.value is not null
  on conflict do nothing;
  return null;
end
$$;
create trigger model_versions_are_indexed after insert on mlops.model_versions
  for each row execute function mlops.index_model_version();
create trigger model_versions_are_indexed_again after update of tags, deleted_at on mlops.model_versions
  for each row when (new.tags is distinct from old.tags or new.deleted_at is distinct from old.deleted_at)
  execute function mlops.index_model_version();

create function mlops.forget_model_version() returns trigger language plpgsql as $$
begin
  delete from mlops.model_version_metrics m using gone where m.scope_id = gone.scope_id and m.seq = gone.seq;
  delete from mlops.model_version_tags t using gone where t.scope_id = gone.scope_id and t.seq = gone.seq;
  return null;
end
$$;
create trigger model_versions_are_forgotten after delete on mlops.model_versions
  referencing old table as gone for each statement execute function mlops.forget_model_version();

insert into mlops.model_version_metrics (scope_id, metric, value, seq)
select v.scope_id, m.key, m.value::text::double precision, v.seq
from mlops.model_versions v, jsonb_each(v.metrics) as m where jsonb_typeof(m.value) = 'number';
insert into mlops.model_version_tags (scope_id, key, value, seq)
select v.scope_id, t.key, t.value, v.seq from mlops.model_versions v, jsonb_each_text(v.tags) as t where t.value is not null;

create index model_versions_live on mlops.model_versions (scope_id, seq desc) where deleted_at is null;
create index model_versions_of_model on mlops.model_versions (scope_id, model, seq desc) where deleted_at is null;
create index model_versions_of_run on mlops.model_versions (scope_id, run_id, seq desc) where run_id is not null;
create index model_versions_of_source on mlops.model_versions (scope_id, md5(source), seq desc) where source is not null;
create index model_versions_by_stage on mlops.model_versions (scope_id, stage, seq desc) where deleted_at is null;
create index model_versions_by_framework on mlops.model_versions (scope_id, framework, seq desc) where deleted_at is null;
create index model_versions_by_update on mlops.model_versions (scope_id, updated_at desc, seq desc) where deleted_at is null;

create table mlops.model_aliases (
  scope_id   bigint not null,
  model      text not null,
  alias      text not null,
  version_id uuid not null references mlops.model_versions (version_id) on delete cascade,
  set_at     timestamptz not null default clock_timestamp(),
  set_by     text not null,
  primary key (scope_id, model, alias),
  foreign key (scope_id, model) references mlops.models (scope_id, name) on delete cascade on update cascade
);
create index model_aliases_of_version on mlops.model_aliases (version_id, alias);

create table mlops.registry_changes (
  change_id  bigint generated always as identity primary key,
  scope_id   bigint not null references mlops.scopes (scope_id),
  model_id   uuid not null,
  -- As it was called then.
  model      text not null,
  -- Null: of the model itself.
  version    integer,
  version_id uuid,
  change     text not null check (change in ('create', 'describe', 'tag', 'untag', 'alias', 'unalias', 'delete')),
  key        text,
  before     text,
  after      text,
  at         timestamptz not null default clock_timestamp(),
  who        text not null,
  reason     text
);
create index registry_changes_of_model on mlops.registry_changes (model_id, change_id desc);
create trigger registry_changes_is_append_only
  before update or delete or truncate on mlops.registry_changes
  for each statement execute function mlops.refuse_change();
