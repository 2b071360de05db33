-- What each daemon that answers requests serves now, told every few seconds. One that has not been heard of for a while does not count.
create table mlops.serving_reports (
  scope_id  bigint not null references mlops.scopes (scope_id) on delete cascade,
  daemon    text not null,
  name      text not null,
  endpoints jsonb not null,
  seen_at   timestamptz not null default clock_timestamp(),
  primary key (scope_id, daemon)
);
