-- Renames that bring data along, the history of the state, and what a step failed with.

alter table mlops.resources add column failure json;
alter table mlops.applies add column operation text not null default 'apply';

alter table mlops.apply_steps
  add column code text,
  add column previous_address text,
  drop constraint apply_steps_action_check,
  add constraint apply_steps_action_check check (action in ('create', 'update', 'delete', 'rename'));

-- A renamed resource answers to its former names until another resource takes them.
create table mlops.former_names (
  scope_id   bigint not null references mlops.scopes (scope_id) on delete cascade,
  kind       text not null,
  former     text not null,
  name       text not null,
  renamed_at timestamptz not null default clock_timestamp(),
  primary key (scope_id, kind, former)
);
create index former_names_of on mlops.former_names (scope_id, kind, name);

create function mlops.current_name(scope bigint, of_kind text, asked text) returns text language sql stable as $$
  select coalesce((select name from mlops.former_names where scope_id = scope and kind = of_kind and former = asked), asked)
$$;
-- The names under which something was written down: its own, and those that it had.
create function mlops.names_of(scope bigint, of_kind text, asked text) returns text[] language sql stable as $$
  select array(select mlops.current_name(scope, of_kind, asked) union
               select former from mlops.former_names
               where scope_id = scope and kind = of_kind and name = mlops.current_name(scope, of_kind, asked))
$$;
-- Of `kind.name`.
create function mlops.current_address(scope bigint, asked text) returns text language sql stable as $$
  select case when position('.' in asked) = 0 then asked
              else split_part(asked, '.', 1) || '.' || mlops.current_name(scope, split_part(asked, '.', 1), split_part(asked, '.', 2)) end
$$;
-- Of what a run is listed under: a pipeline's name, or the address of a feature set that materializes by itself.
create function mlops.current_pipeline(scope bigint, asked text) returns text language sql stable as $$
  select case when position('.' in asked) > 0 then mlops.current_address(scope, asked)
              else mlops.current_name(scope, 'pipeline', asked) end
$$;

-- Where the rows of a version lie: its set's name when it was registered. A rename moves no file and no key.
alter table mlops.feature_set_versions add column storage text;
update mlops.feature_set_versions set storage = feature_set;
alter table mlops.feature_set_versions
  alter column storage set not null,
  add constraint feature_set_versions_storage unique (scope_id, storage, version);

alter table mlops.feature_parts
  drop constraint feature_parts_scope_id_feature_set_version_fkey,
  add foreign key (scope_id, feature_set, version) references mlops.feature_set_versions on delete cascade on update cascade;
alter table mlops.feature_updates
  drop constraint feature_updates_scope_id_feature_set_version_fkey,
  add foreign key (scope_id, feature_set, version) references mlops.feature_set_versions on delete cascade on update cascade;

alter table mlops.model_versions
  drop constraint model_versions_scope_id_model_fkey,
  add foreign key (scope_id, model) references mlops.models (scope_id, name) on delete cascade on update cascade;
create index stage_moves_of_version on mlops.stage_moves (version_id, move_id desc);

-- A version's model changes in a rename alone, which says so for its own transaction: `mlops.renaming` is `OLD NEW`.
create or replace function mlops.keep_model_version() returns trigger language plpgsql as $$
begin
  if to_jsonb(new) - 'stage' - 'stage_changed_at' - 'artifacts' - 'model'
       is distinct from to_jsonb(old) - 'stage' - 'stage_changed_at' - 'artifacts' - 'model'
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

-- What each serial changed, only what changed. What was before an entry is the entry before it of the same address.
create table mlops.state_history (
  entry_id         bigint generated always as identity primary key,
  scope_id         bigint not null references mlops.scopes (scope_id),
  serial           bigint not null,
  at               timestamptz not null default clock_timestamp(),
  who              text not null,
  -- apply, destroy, api, mv, rm; record: how it was found when this table was made.
  operation        text not null,
  apply_id         uuid,
  git_commit       text,
  action           text not null check (action in ('create', 'update', 'delete', 'rename', 'forget', 'record')),
  address          text not null,
  -- Of a rename.
  previous_address text,
  -- From here on {kind, name, spec, digest, dependsOn, protect, managedBy, outputs}; null: gone.
  resource         json,
  check ((action in ('delete', 'forget')) = (resource is null)),
  check ((action = 'rename') = (previous_address is not null))
);
create index state_history_serials on mlops.state_history (scope_id, serial, entry_id);
create index state_history_of_address on mlops.state_history (scope_id, address, entry_id desc);
create trigger state_history_is_append_only
  before update or delete or truncate on mlops.state_history
  for each statement execute function mlops.refuse_change();

-- States from before: known from their serial on, as they are now.
alter table mlops.scopes add column history_from bigint not null default 0;
update mlops.scopes set history_from = serial;
-- What is being changed counts as it was last applied.
insert into mlops.state_history (scope_id, serial, at, who, operation, action, address, resource)
select r.scope_id, s.serial, r.updated_at, 'mlops', 'record', 'record', r.address,
       json_build_object('kind', r.kind, 'name', r.name,
         'spec', coalesce(r.previous -> 'spec', r.spec), 'digest', coalesce(r.previous ->> 'digest', r.digest),
         'dependsOn', coalesce(r.previous -> 'dependsOn', to_json(r.depends_on)),
         'protect', r.protect, 'managedBy', r.managed_by, 'outputs', r.outputs)
from mlops.resources r join mlops.scopes s using (scope_id)
where r.status in ('ready', 'deleting') or r.status = 'updating' and r.previous is not null
order by r.scope_id, r.address;
