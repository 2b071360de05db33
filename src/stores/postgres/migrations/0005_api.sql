-- Answers kept under a client's Idempotency-Key.
create table mlops.idempotency_keys (
  scope_id       bigint      not null references mlops.scopes (scope_id) on delete cascade,
  caller         text        not null,
  key            text        not null,
  request_digest text        not null,
  claimed_at     timestamptz not null default clock_timestamp(),
  status         integer,
  body           text,
  primary key (scope_id, caller, key),
  check ((status is null) = (body is null))
);

create index idempotency_keys_claimed_at on mlops.idempotency_keys (claimed_at);
