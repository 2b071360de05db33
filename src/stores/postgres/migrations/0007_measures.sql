-- What plans tell of the cost of computing a feature set again: the time that its rows span, and how fast that was.

-- Microseconds since 1970. Null: written before this was recorded.
alter table mlops.feature_parts add column min_event_time bigint;

-- The last materialization of each version that computed rows from sources.
create table mlops.materializations (
  scope_id     bigint not null,
  feature_set  text not null,
  version      integer not null,
  rows_read    bigint not null check (rows_read > 0),
  rows_written bigint not null,
  seconds      double precision not null check (seconds >= 0),
  ended_at     timestamptz not null default clock_timestamp(),
  primary key (scope_id, feature_set, version),
  foreign key (scope_id, feature_set, version) references mlops.feature_set_versions on delete cascade on update cascade
);
