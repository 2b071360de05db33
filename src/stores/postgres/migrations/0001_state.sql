-- The recorded state: one row a scope (project and environment), its resources, the journal of its applies, its lock and
-- its audit log. Every other table of the schema hangs on mlops.scopes.

create table mlops.scopes (
  scope_id    bigint generated always as identity primary key,
  project     text not null,
  environment text not null,
  -- Null before the first apply.
  lineage     uuid,
  -- Grows by one with each apply that changes something and each write of the HTTP interface.
  serial      bigint not null default 0,
  -- Grows with every commit that changes a resource: what a cache of the resources polls.
  revision    bigint not null default 0,
  -- Absolute path of the project root as the last apply saw it.
  root        text,
  created_at  timestamptz not null default now(),
  unique (project, environment)
);

-- Specs are json, not jsonb: the order in which people wrote columns and tasks is kept, and nothing here looks inside.
create table mlops.resources (
  scope_id   bigint not null references mlops.scopes (scope_id) on delete cascade,
  address    text not null,
  kind       text not null,
  name       text not null,
  spec       json not null,
  digest     text not null,
  depends_on text[] not null,
  protect    boolean not null,
  managed_by text not null check (managed_by in ('apply', 'api')),
  status     text not null check (status in ('ready', 'creating', 'updating', 'deleting')),
  outputs    json not null default '{}',
  -- While updating: {spec, digest, dependsOn} as last applied, which is what the services go on serving.
  previous   json,
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now(),
  primary key (scope_id, address)
);

create table mlops.applies (
  apply_id      uuid primary key default gen_random_uuid(),
  scope_id      bigint not null references mlops.scopes (scope_id) on delete cascade,
  who           text not null,
  started_at    timestamptz not null default clock_timestamp(),
  ended_at      timestamptz,
  outcome       text check (outcome in ('succeeded', 'failed', 'interrupted')),
  serial_before bigint not null,
  serial_after  bigint not null,
  plan_digest   text not null,
  spec_digest   text not null,
  git_commit    text,
  changes       integer not null,
  check ((ended_at is null) = (outcome is null))
);
create index applies_newest on mlops.applies (scope_id, serial_after desc);
create index applies_open on mlops.applies (scope_id) where ended_at is null;

-- The journal. A step without an end was cut off between its intent and its outcome.
create table mlops.apply_steps (
  apply_id  uuid not null references mlops.applies (apply_id) on delete cascade,
  step      integer not null,
  address   text not null,
  action    text not null check (action in ('create', 'update', 'delete')),
  reason    text not null,
  digest    text not null,
  intent_at timestamptz not null default clock_timestamp(),
  ended_at  timestamptz,
  failure   text,
  primary key (apply_id, step)
);

-- At most one lock a scope. A lease that ended by this server's clock may be taken over.
create table mlops.locks (
  scope_id      bigint primary key references mlops.scopes (scope_id) on delete cascade,
  lock_id       uuid not null default gen_random_uuid(),
  who           text not null,
  operation     text not null,
  since         timestamptz not null default clock_timestamp(),
  lease_ends_at timestamptz not null
);

create table mlops.audit_log (
  entry_id   bigint generated always as identity primary key,
  scope_id   bigint not null references mlops.scopes (scope_id),
  at         timestamptz not null default clock_timestamp(),
  who        text not null,
  action     text not null,
  subject    text not null,
  detail     json not null default '{}',
  apply_id   uuid,
  git_commit text
);
create index audit_log_newest on mlops.audit_log (scope_id, entry_id desc);
create index audit_log_subject on mlops.audit_log (scope_id, subject, entry_id desc);

create function mlops.refuse_change() returns trigger language plpgsql as $$
begin
  raise exception 'mlops.% is append-only', tg_table_name using errcode = 'restrict_violation';
end
$$;
create trigger audit_log_is_append_only
  before update or delete or truncate on mlops.audit_log
  for each statement execute function mlops.refuse_change();
