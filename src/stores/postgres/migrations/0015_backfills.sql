-- Backfills: a range of a pipeline's instants that is run with limits of its own. One row an instant says what became of it.

create table mlops.backfills (
  backfill_id     uuid primary key,
  scope_id        bigint not null references mlops.scopes (scope_id) on delete cascade,
  pipeline        text not null,
  -- As it was when the backfill was made: all of its runs are alike.
  spec            json not null,
  params          json not null,
  git_commit      text,
  from_at         timestamptz not null,
  to_at           timestamptz not null,
  concurrency     integer not null check (concurrency > 0),
  backwards       boolean not null,
  reprocess       text not null check (reprocess in ('none', 'failed', 'all')),
  status          text not null default 'running' check (status in ('running', 'succeeded', 'failed', 'cancelled')),
  idempotency_key text,
  created_by      text not null,
  created_at      timestamptz not null default clock_timestamp(),
  cancelled_by    text,
  finished_at     timestamptz,
  check ((status = 'running') = (finished_at is null))
);
create unique index backfills_idempotency on mlops.backfills (scope_id, idempotency_key) where idempotency_key is not null;
create index backfills_newest on mlops.backfills (scope_id, created_at desc, backfill_id desc);
create index backfills_open on mlops.backfills (scope_id) where status = 'running';

create table mlops.backfill_instants (
  backfill_id uuid not null references mlops.backfills (backfill_id) on delete cascade,
  -- In the order in which they are run, from 0.
  position    integer not null,
  instant     timestamptz not null,
  status      text not null default 'pending' check (status in ('pending', 'started', 'skipped', 'cancelled')),
  -- Of a skipped one.
  why         text,
  run_id      uuid references mlops.runs (run_id) on delete set null,
  primary key (backfill_id, position),
  unique (backfill_id, instant)
);
create index backfill_instants_pending on mlops.backfill_instants (backfill_id, position) where status = 'pending';

-- Runs by their instant; of one instant of a pipeline one is under way at most, whoever starts or retries it.
create index runs_of_instant on mlops.runs (scope_id, pipeline, (cause ->> 'instant'), created_at)
  where (cause ->> 'instant') is not null;
create unique index runs_one_live_an_instant on mlops.runs (scope_id, pipeline, (cause ->> 'instant'))
  where status in ('queued', 'running') and (cause ->> 'instant') is not null;
