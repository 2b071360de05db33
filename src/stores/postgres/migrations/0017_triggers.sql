-- What starts runs: which pipelines wait for which events, and the events themselves. An event is written in the transaction of what
-- it tells of, by triggers of the database: there is none without the other, whoever writes, and whether or not a scheduler runs.

-- Which pipeline is started by what, as applied. Kept by mlops.note_triggers.
create table mlops.trigger_subscriptions (
  scope_id bigint not null references mlops.scopes (scope_id) on delete cascade,
  pipeline text not null,
  -- Position in the pipeline's list, from 1.
  position integer not null,
  kind     text not null check (kind in ('materialized', 'promoted', 'pipeline')),
  -- Name of the feature set, model or pipeline.
  subject  text not null,
  -- The stage of a promotion; how a run ended, or any.
  wanted   text,
  spec     json not null,
  primary key (scope_id, pipeline, position)
);
create index trigger_subscriptions_by_subject on mlops.trigger_subscriptions (scope_id, kind, subject);

-- One row an event and pipeline that is to be started.
create table mlops.trigger_events (
  event_id        bigint generated always as identity primary key,
  scope_id        bigint not null references mlops.scopes (scope_id) on delete cascade,
  pipeline        text not null,
  kind            text not null check (kind in ('materialized', 'promoted', 'pipeline', 'sensor', 'webhook')),
  -- The trigger as it was applied, and what tells it from the pipeline's others.
  spec            json not null,
  trigger_key     text not null,
  -- feature_set.NAME, model.NAME, pipeline.NAME; what is looked at; the webhook's name.
  subject         text not null,
  detail          json not null,
  idempotency_key text,
  at              timestamptz not null default clock_timestamp(),
  -- Null: it waits for the scheduler.
  handled_at      timestamptz,
  -- run: it started that run, alone or with others; skipped, refused: none, and why.
  outcome         text check (outcome in ('run', 'skipped', 'refused')),
  why             text,
  run_id          uuid references mlops.runs (run_id) on delete set null,
  check ((handled_at is null) = (outcome is null))
);
create index trigger_events_waiting on mlops.trigger_events (scope_id, event_id) where handled_at is null;
create index trigger_events_of_pipeline on mlops.trigger_events (scope_id, pipeline, trigger_key, event_id desc);
create index trigger_events_of_run on mlops.trigger_events (run_id) where run_id is not null;
create unique index trigger_events_once on mlops.trigger_events (scope_id, pipeline, trigger_key, idempotency_key)
  where idempotency_key is not null;

-- What sensors saw last; null: nothing yet. A new one sees what there is and starts nothing.
create table mlops.trigger_sensors (
  scope_id    bigint not null references mlops.scopes (scope_id) on delete cascade,
  pipeline    text not null,
  trigger_key text not null,
  seen        json,
  -- No scheduler looks before: the one that looks takes it forward first.
  next_at     timestamptz not null,
  changed_at  timestamptz,
  error       text,
  primary key (scope_id, pipeline, trigger_key)
);

create function mlops.trigger_key(spec json) returns text language sql immutable as $$
  select md5(spec::jsonb::text)
$$;

-- As the services see a pipeline: one that is being made has no triggers yet, one that is being changed those that it had.
create function mlops.note_triggers() returns trigger language plpgsql as $$
declare
  applied json;
begin
  if coalesce(new.kind, old.kind) <> 'pipeline' then
    return null;
  end if;
  if tg_op <> 'INSERT' then
    delete from mlops.trigger_subscriptions where scope_id = old.scope_id and pipeline = old.name;
  end if;
  if tg_op = 'DELETE' then
    return null;
  end if;
  applied := case when new.status = 'ready' then new.spec when new.status = 'updating' then new.previous -> 'spec' end;
  insert into mlops.trigger_subscriptions (scope_id, pipeline, position, kind, subject, wanted, spec)
  select new.scope_id, new.name, t.position,
         case when t.spec ->> 'materialized' is not null then 'materialized'
              when t.spec ->> 'promoted' is not null then 'promoted' else 'pipeline' end,
         coalesce(t.spec ->> 'materialized', t.spec ->> 'promoted', t.spec ->> 'pipeline'),
         case when t.spec ->> 'promoted' is not null then coalesce(t.spec ->> 'to', 'production')
              when t.spec ->> 'pipeline' is not null then coalesce(t.spec ->> 'on', 'succeeded') end,
         t.spec
  from json_array_elements(coalesce(applied -> 'triggers', '[]')) with ordinality as t(spec, position)
  where coalesce(t.spec ->> 'materialized', t.spec ->> 'promoted', t.spec ->> 'pipeline') is not null;
  return null;
end
$$;
create trigger resources_note_triggers after insert or update or delete on mlops.resources
  for each row execute function mlops.note_triggers();

create function mlops.tell_triggers(scope bigint, of_kind text, about text, how text, detail json) returns void language sql as $$
  insert into mlops.trigger_events (scope_id, pipeline, kind, spec, trigger_key, subject, detail)
  select scope_id, pipeline, kind, spec, mlops.trigger_key(spec),
         case kind when 'materialized' then 'feature_set.' when 'promoted' then 'model.' else 'pipeline.' end || about, detail
  from mlops.trigger_subscriptions
  where scope_id = scope and kind = of_kind and subject = about and (wanted is null or wanted = how or wanted = 'any')
  order by pipeline, position
$$;

-- The version that serves has new rows: from its sources, online too, once its watermark moved; given or pushed ones with their part.
create function mlops.tell_materialized() returns trigger language plpgsql as $$
begin
  if not exists (select from mlops.feature_set_versions v
                 where v.scope_id = new.scope_id and v.feature_set = new.feature_set and v.version > new.version and v.status = 'serving')
  then
    perform mlops.tell_triggers(new.scope_id, 'materialized', new.feature_set, null,
      json_build_object('feature_set', new.feature_set, 'version', new.version));
  end if;
  return null;
end
$$;
create trigger feature_set_versions_tell_triggers after update of inputs on mlops.feature_set_versions
  for each row when (new.status = 'serving' and new.inputs is not null and old.inputs::text is distinct from new.inputs::text)
  execute function mlops.tell_materialized();
create trigger feature_parts_tell_triggers after insert on mlops.feature_parts
  for each row when (new.pushed) execute function mlops.tell_materialized();

create function mlops.tell_promoted() returns trigger language plpgsql as $$
begin
  perform mlops.tell_triggers(new.scope_id, 'promoted', new.model, new.to_stage,
    json_build_object('model', new.model, 'version', new.version, 'version_id', new.version_id, 'from', new.from_stage,
                      'to', new.to_stage, 'who', new.who));
  return null;
end
$$;
create trigger stage_moves_tell_triggers after insert on mlops.stage_moves
  for each row execute function mlops.tell_promoted();

create function mlops.tell_run_ended() returns trigger language plpgsql as $$
begin
  perform mlops.tell_triggers(new.scope_id, 'pipeline', new.pipeline, new.status,
    json_build_object('pipeline', new.pipeline, 'run_id', new.run_id, 'status', new.status, 'instant', new.cause ->> 'instant',
                      'params', new.params));
  return null;
end
$$;
create trigger runs_tell_triggers after update of status on mlops.runs
  for each row when (new.status in ('succeeded', 'failed', 'cancelled') and old.status is distinct from new.status)
  execute function mlops.tell_run_ended();
