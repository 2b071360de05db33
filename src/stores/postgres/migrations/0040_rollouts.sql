-- Rollouts: versions that come to their traffic step by step; how each stands, every decision about it, and who decides now.
create table mlops.rollouts (
  rollout_id      uuid primary key default gen_random_uuid(),
  scope_id        bigint not null references mlops.scopes (scope_id) on delete cascade,
  -- The order in which they began.
  seq             bigint generated always as identity,
  endpoint        text not null,
  candidate       text not null,
  baseline        text not null,
  model           text not null,
  version         integer not null,
  version_id      uuid not null,
  -- When the version came to the stage that the candidate follows. Null: the variant names the version.
  staged_at       timestamptz,
  -- What made it begin: once.
  begun_by        text not null,
  revision        integer not null default 1,
  status          text not null check (status in ('running', 'paused', 'promoting', 'promoted', 'held', 'rolled_back', 'aborted', 'superseded')),
  step            integer not null check (step >= 0),
  share           double precision not null check (share between 0 and 100),
  step_started_at timestamptz not null,
  paused_at       timestamptz,
  paused_ms       double precision not null,
  measured_at     timestamptz,
  failures        json not null,
  reason          text not null,
  plan            json not null,
  checks          json not null,
  started_at      timestamptz not null default clock_timestamp(),
  started_by      text not null,
  ended_at        timestamptz,
  unique (scope_id, endpoint, begun_by),
  -- Once it is out it stays out: whoever brings a version back begins another rollout.
  check (status not in ('rolled_back', 'aborted', 'superseded') or share = 0)
);
create index rollouts_newest on mlops.rollouts (scope_id, endpoint, seq desc);
create index rollouts_listed on mlops.rollouts (scope_id, seq desc);

create table mlops.rollout_decisions (
  decision_id bigint generated always as identity primary key,
  scope_id    bigint not null references mlops.scopes (scope_id),
  rollout_id  uuid not null references mlops.rollouts (rollout_id),
  at          timestamptz not null default clock_timestamp(),
  who         text not null,
  kind        text not null,
  status      text not null,
  step        integer not null,
  share       double precision not null,
  reason      text not null,
  checks      json not null
);
create index rollout_decisions_of on mlops.rollout_decisions (rollout_id, decision_id);
create trigger rollout_decisions_is_append_only
  before update or delete or truncate on mlops.rollout_decisions
  for each statement execute function mlops.refuse_change();

-- The one daemon that decides, for as long as it says that it is there.
create table mlops.rollout_leads (
  scope_id bigint primary key references mlops.scopes (scope_id) on delete cascade,
  daemon   text not null,
  until    timestamptz not null
);
