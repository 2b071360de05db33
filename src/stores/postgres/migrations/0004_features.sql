-- What of the feature store is readable: snapshots of sources, versions of feature sets, their parts, pushed rows.

-- The order of ingestion, over all sets.
create sequence mlops.feature_sequence as bigint;

create table mlops.source_snapshots (
  snapshot_id bigint generated always as identity primary key,
  scope_id    bigint not null references mlops.scopes (scope_id) on delete cascade,
  source      text not null,
  digest      text not null,
  location    text not null,
  row_count   bigint not null,
  bytes       bigint not null,
  columns     json not null,
  created_at  timestamptz not null default clock_timestamp()
);
create index source_snapshots_newest on mlops.source_snapshots (scope_id, source, snapshot_id desc);

create table mlops.feature_set_versions (
  scope_id        bigint not null references mlops.scopes (scope_id) on delete cascade,
  feature_set     text not null,
  version         integer not null check (version > 0),
  digest          text not null,
  -- json, not jsonb: the order of the features is kept.
  structure       json not null,
  status          text not null check (status in ('registered', 'serving', 'dropped')),
  -- Microseconds since 1970: the greatest event time materialized.
  event_watermark bigint,
  -- Source to digest of the snapshot that is materialized completely.
  inputs          json,
  -- Counts the workers that materialized it: a former one is refused by it.
  epoch           bigint not null default 0,
  registered_at   timestamptz not null default clock_timestamp(),
  serving_since   timestamptz,
  primary key (scope_id, feature_set, version)
);

create table mlops.feature_parts (
  scope_id         bigint not null,
  feature_set      text not null,
  version          integer not null,
  sequence         bigint not null,
  location         text not null,
  row_count        bigint not null,
  bytes            bigint not null,
  -- Microseconds since 1970.
  max_event_time   bigint not null,
  max_visible_time bigint not null,
  created_at       timestamptz not null default clock_timestamp(),
  primary key (scope_id, feature_set, version, location),
  foreign key (scope_id, feature_set, version) references mlops.feature_set_versions on delete cascade
);

-- Rows that clients pushed, until a materialization puts them into a part.
create table mlops.feature_updates (
  scope_id       bigint not null,
  feature_set    text not null,
  version        integer not null,
  sequence       bigint not null,
  entity_key     json not null,
  event_time     bigint not null,
  created_time   bigint,
  feature_values json not null,
  primary key (scope_id, feature_set, version, sequence),
  foreign key (scope_id, feature_set, version) references mlops.feature_set_versions on delete cascade
);
