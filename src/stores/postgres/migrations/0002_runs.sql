-- Runs: one row a run, a task and an attempt. A lease is an attempt without an end; what is in use is the sum over
-- live leases, never a counter.

create table mlops.runs (
  run_id              uuid primary key,
  scope_id            bigint not null references mlops.scopes (scope_id) on delete cascade,
  pipeline            text not null,
  -- json, not jsonb: the order of the tasks is kept.
  spec                json not null,
  params              json not null,
  cause               json not null,
  git_commit          text,
  status              text not null default 'queued' check (status in ('queued', 'running', 'succeeded', 'failed', 'cancelled')),
  -- Of a scheduled run: which, and whether it waits for the run before.
  schedule            text,
  held                boolean not null default false,
  idempotency_key     text,
  cancel_requested_at timestamptz,
  cancelled_by        text,
  -- The last event's number; counting it up locks the run, so that events have the order of their commits.
  event_seq           bigint not null default 0,
  created_at          timestamptz not null default clock_timestamp(),
  started_at          timestamptz,
  finished_at         timestamptz,
  check ((status in ('succeeded', 'failed', 'cancelled')) = (finished_at is not null))
);
create unique index runs_idempotency on mlops.runs (scope_id, idempotency_key) where idempotency_key is not null;
create index runs_newest on mlops.runs (scope_id, created_at desc, run_id desc);
create index runs_of_pipeline on mlops.runs (scope_id, pipeline, created_at desc, run_id desc);
create index runs_open on mlops.runs (scope_id, schedule, created_at) where status in ('queued', 'running');

create table mlops.tasks (
  run_id          uuid not null references mlops.runs (run_id) on delete cascade,
  -- Position in the pipeline, from 0.
  ordinal         integer not null,
  scope_id        bigint not null,
  name            text not null,
  operator        text not null,
  status          text not null default 'pending' check (status in ('pending', 'ready', 'waiting', 'running', 'retrying',
                    'succeeded', 'failed', 'timed_out', 'crashed', 'cancelled', 'skipped', 'upstream_failed')),
  trigger_rule    text not null,
  when_expression text,
  needs           integer[] not null,
  dependents      integer[] not null,
  -- How those in needs ended, counted as they end.
  needs_succeeded integer not null default 0,
  needs_failed    integer not null default 0,
  needs_skipped   integer not null default 0,
  priority        integer not null,
  cpu             double precision not null,
  memory_bytes    bigint not null,
  gpu             integer not null,
  deadline_ms     bigint,
  deadline_at     timestamptz,
  attempt         integer not null default 0,
  failures        integer not null default 0,
  recoveries      integer not null default 0,
  not_before      timestamptz,
  ready_at        timestamptz,
  exit_code       integer,
  error           text,
  outputs         json,
  started_at      timestamptz,
  finished_at     timestamptz,
  primary key (run_id, ordinal),
  unique (run_id, name),
  check (needs_succeeded + needs_failed + needs_skipped <= cardinality(needs))
);
create index tasks_claimable on mlops.tasks (scope_id, ready_at) where status in ('ready', 'waiting', 'retrying');
create index tasks_open on mlops.tasks (run_id) where status in ('pending', 'ready', 'waiting', 'running', 'retrying');

create table mlops.workers (
  worker_id      uuid primary key,
  scope_id       bigint not null references mlops.scopes (scope_id) on delete cascade,
  node           text not null,
  pid            integer not null,
  pid_started_at text not null,
  cpu            double precision not null,
  memory_bytes   bigint not null,
  gpu            integer not null,
  started_at     timestamptz not null default clock_timestamp(),
  lease_until    timestamptz not null
);
create index workers_of_scope on mlops.workers (scope_id, node);

create table mlops.task_attempts (
  run_id         uuid not null,
  ordinal        integer not null,
  attempt        integer not null,
  scope_id       bigint not null,
  worker_id      uuid not null,
  node           text not null,
  cpu            double precision not null,
  memory_bytes   bigint not null,
  gpu            integer not null,
  lease_until    timestamptz not null,
  pid            integer,
  pid_started_at text,
  status         text not null default 'running' check (status in ('running', 'succeeded', 'failed', 'timed_out', 'crashed', 'cancelled')),
  exit_code      integer,
  error          text,
  started_at     timestamptz not null default clock_timestamp(),
  ended_at       timestamptz,
  primary key (run_id, ordinal, attempt),
  foreign key (run_id, ordinal) references mlops.tasks (run_id, ordinal) on delete cascade,
  check ((status = 'running') = (ended_at is null))
);
-- At most one live attempt a task, whatever the program believes.
create unique index task_attempts_one_live on mlops.task_attempts (run_id, ordinal) where ended_at is null;
create index task_attempts_live on mlops.task_attempts (scope_id, node, lease_until) where ended_at is null;
create index task_attempts_of_worker on mlops.task_attempts (worker_id) where ended_at is null;

create table mlops.run_events (
  run_id  uuid not null references mlops.runs (run_id) on delete cascade,
  seq     bigint not null,
  at      timestamptz not null default clock_timestamp(),
  task    text,
  status  text not null,
  attempt integer,
  error   text,
  data    json not null default '{}',
  primary key (run_id, seq)
);

create table mlops.task_logs (
  run_id  uuid not null,
  ordinal integer not null,
  attempt integer not null,
  seq     integer not null,
  at      timestamptz not null default clock_timestamp(),
  stream  text not null check (stream in ('out', 'err', 'system')),
  text    text not null,
  primary key (run_id, ordinal, attempt, seq),
  foreign key (run_id, ordinal) references mlops.tasks (run_id, ordinal) on delete cascade
);

create table mlops.schedules (
  scope_id   bigint not null references mlops.scopes (scope_id) on delete cascade,
  schedule   text not null,
  -- Of the pattern and its time zone: another pattern begins anew.
  digest     text not null,
  -- Instants up to here are dealt with.
  cursor_at  timestamptz not null,
  checked_at timestamptz not null,
  primary key (scope_id, schedule)
);

-- One row a schedule and instant, so never twice.
create table mlops.schedule_instants (
  scope_id bigint not null references mlops.scopes (scope_id) on delete cascade,
  schedule text not null,
  instant  timestamptz not null,
  -- Null: skipped, because the run before was still under way.
  run_id   uuid references mlops.runs (run_id) on delete set null,
  fired_at timestamptz not null default clock_timestamp(),
  primary key (scope_id, schedule, instant)
);
