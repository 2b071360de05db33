-- Circuit breakers: how many runs of a pipeline failed in a row, and since when nothing starts it by itself. Counted in the transaction
-- in which a run ends, whoever writes it.

create table mlops.breakers (
  scope_id  bigint not null references mlops.scopes (scope_id) on delete cascade,
  pipeline  text not null,
  -- Runs that failed since the last one that succeeded.
  failures  integer not null default 0,
  -- Null: closed.
  opened_at timestamptz,
  -- The one run that is let through after the pause.
  probe_run uuid references mlops.runs (run_id) on delete set null,
  -- Runs that did not start because of it: since it opened, and ever.
  skipped       bigint not null default 0,
  skipped_total bigint not null default 0,
  primary key (scope_id, pipeline)
);

-- What happens to a pipeline apart from its runs.
create table mlops.pipeline_events (
  event_id bigint generated always as identity primary key,
  scope_id bigint not null references mlops.scopes (scope_id) on delete cascade,
  pipeline text not null,
  at       timestamptz not null default clock_timestamp(),
  kind     text not null check (kind in ('breaker_opened', 'breaker_probe', 'breaker_closed', 'breaker_reset', 'run_skipped')),
  detail   json not null
);
create index pipeline_events_newest on mlops.pipeline_events (scope_id, pipeline, event_id desc);

-- Why an instant has no run. Null: the run before was under way.
alter table mlops.schedule_instants add column why text;

-- A success closes it, whoever started the run. A failure counts, opens it once there are as many as the run's pipeline allows, and
-- opens it again where it came after the pause: the probe failed, or somebody tried by hand.
create function mlops.count_failures() returns trigger language plpgsql as $$
declare
  before mlops.breakers;
  allowed integer;
  pause interval;
begin
  if new.status <> 'failed' then
    select * into before from mlops.breakers
    where scope_id = new.scope_id and pipeline = new.pipeline and (failures > 0 or probe_run = new.run_id) for update;
    if not found then
      return null;
    end if;
    if new.status = 'cancelled' then
      update mlops.breakers set probe_run = null
      where scope_id = new.scope_id and pipeline = new.pipeline and probe_run = new.run_id;
      return null;
    end if;
    update mlops.breakers set failures = 0, opened_at = null, probe_run = null, skipped = 0
    where scope_id = new.scope_id and pipeline = new.pipeline;
    if before.opened_at is not null then
      insert into mlops.pipeline_events (scope_id, pipeline, kind, detail)
      values (new.scope_id, new.pipeline, 'breaker_closed', json_build_object('run_id', new.run_id));
    end if;
    return null;
  end if;
  allowed := (new.spec #>> '{breaker,failures}')::integer;
  if allowed is null then
    return null;
  end if;
  insert into mlops.breakers as b (scope_id, pipeline, failures) values (new.scope_id, new.pipeline, 1)
  on conflict (scope_id, pipeline) do update set failures = b.failures + 1
  returning * into before;
  pause := mlops.duration(coalesce(new.spec #>> '{breaker,pause}', '1h'));
  if before.failures >= allowed and (before.opened_at is null or before.opened_at + pause <= clock_timestamp()) then
    update mlops.breakers set opened_at = clock_timestamp(), probe_run = null
    where scope_id = new.scope_id and pipeline = new.pipeline;
    insert into mlops.pipeline_events (scope_id, pipeline, kind, detail)
    values (new.scope_id, new.pipeline, 'breaker_opened',
            json_build_object('run_id', new.run_id, 'failures', before.failures, 'until', clock_timestamp() + pause));
  end if;
  return null;
end
$$;

create trigger runs_count_failures after update of status on mlops.runs
  for each row when (new.status in ('succeeded', 'failed', 'cancelled') and old.status is distinct from new.status)
  execute function mlops.count_failures();
