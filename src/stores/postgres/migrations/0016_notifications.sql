-- Notifications: an outbox, what it is fed by, and how far those who feed it have looked.

create table mlops.notifications (
  notification_id uuid primary key default gen_random_uuid(),
  scope_id        bigint not null references mlops.scopes (scope_id) on delete cascade,
  -- What it is about: one notification a key and channel.
  key             text not null,
  channel         text not null,
  kind            text not null,
  subject         text,
  -- Not a reference: a notification outlives its run.
  run_id          uuid,
  message         json not null,
  status          text not null default 'pending' check (status in ('pending', 'sent', 'dead')),
  attempts        integer not null default 0,
  last_error      text,
  -- While it is pending: when it is tried next. Whoever tries it moves that on first, which is the sender's lease.
  next_at         timestamptz default clock_timestamp(),
  created_at      timestamptz not null default clock_timestamp(),
  ended_at        timestamptz,
  unique (scope_id, channel, key),
  check ((status = 'pending') = (next_at is not null)),
  check ((status = 'pending') = (ended_at is null))
);
create index notifications_due on mlops.notifications (scope_id, next_at) where status = 'pending';
create index notifications_newest on mlops.notifications (scope_id, created_at desc, notification_id desc);

-- What runs went through and who still has to look at it, written by the change itself: whoever is to be told misses none.
create table mlops.run_moves (
  seq      bigint generated always as identity primary key,
  scope_id bigint not null references mlops.scopes (scope_id) on delete cascade,
  consumer text not null check (consumer in ('notify', 'telemetry')),
  run_id   uuid not null references mlops.runs (run_id) on delete cascade,
  status   text not null,
  at       timestamptz not null default clock_timestamp()
);
create index run_moves_of_consumer on mlops.run_moves (scope_id, consumer, seq);
create index run_moves_of_run on mlops.run_moves (run_id);

create function mlops.tell_run_move() returns trigger language plpgsql as $$
begin
  if new.status in ('succeeded', 'failed', 'cancelled') then
    insert into mlops.run_moves (scope_id, consumer, run_id, status) values (new.scope_id, 'notify', new.run_id, new.status);
  end if;
  insert into mlops.run_moves (scope_id, consumer, run_id, status) values (new.scope_id, 'telemetry', new.run_id, new.status);
  return null;
end
$$;
create trigger runs_tell_their_moves
  after update of status on mlops.runs
  for each row when (old.status is distinct from new.status) execute function mlops.tell_run_move();

-- Instants of a schedule up to `judged_until` were looked at: in time or late.
create table mlops.expectations (
  scope_id     bigint not null references mlops.scopes (scope_id) on delete cascade,
  schedule     text not null,
  digest       text not null,
  judged_until timestamptz not null,
  primary key (scope_id, schedule)
);

-- How a pipeline's last run ended, whether a feature set is fresh: what a recovery is told by.
create table mlops.subject_states (
  scope_id bigint not null references mlops.scopes (scope_id) on delete cascade,
  subject  text not null,
  state    text not null,
  since    timestamptz not null default clock_timestamp(),
  primary key (scope_id, subject)
);

-- A duration as specs write it: `90s`, `1.5h`, `2w`.
create function mlops.duration(written text) returns interval language sql immutable as $$
  select substring(written from '^[0-9.]+')::double precision *
         case substring(written from '[a-z]+$')
           when 'ms' then interval '1 millisecond' when 's' then interval '1 second' when 'm' then interval '1 minute'
           when 'h' then interval '1 hour' when 'd' then interval '24 hours' when 'w' then interval '168 hours' end
$$;
create index notifications_of_run on mlops.notifications (run_id) where run_id is not null;
