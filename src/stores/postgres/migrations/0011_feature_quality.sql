-- Statistics of feature sets and training sets, what checks of expectations found, rows put aside, and who reads which feature.

-- The rows of a version from beyond `from_sequence` through `through_sequence`. `batch`: what one materialization brought; each
-- begins where the one before ended, so that no row is counted twice. `version`: all rows, as training reads them.
create table mlops.feature_statistics (
  statistics_id    bigint generated always as identity primary key,
  scope_id         bigint not null,
  feature_set      text not null,
  version          integer not null,
  kind             text not null check (kind in ('batch', 'version')),
  from_sequence    bigint not null,
  through_sequence bigint not null check (through_sequence > from_sequence),
  row_count        bigint not null,
  superseded       bigint not null,
  entities         bigint,
  -- Microseconds since 1970.
  min_event_time   bigint,
  max_event_time   bigint,
  columns          json not null,
  computed_at      timestamptz not null default clock_timestamp(),
  foreign key (scope_id, feature_set, version) references mlops.feature_set_versions on delete cascade on update cascade
);
create unique index feature_statistics_once on mlops.feature_statistics (scope_id, feature_set, version, from_sequence) where kind = 'batch';
create unique index feature_statistics_newest on mlops.feature_statistics (scope_id, feature_set, version, kind, through_sequence);

-- Of a training set, by its digest.
create table mlops.dataset_statistics (
  scope_id    bigint not null references mlops.scopes (scope_id) on delete cascade,
  digest      text not null,
  row_count   bigint not null,
  columns     json not null,
  computed_at timestamptz not null default clock_timestamp(),
  primary key (scope_id, digest)
);

-- What a check of a set's expectations found.
create table mlops.feature_checks (
  check_id     bigint generated always as identity primary key,
  scope_id     bigint not null,
  feature_set  text not null,
  version      integer not null,
  -- What was checked: the rows of a materialization, or pushed ones.
  origin       text not null check (origin in ('materialization', 'push')),
  rows_read    bigint not null,
  rows_new     bigint not null,
  rows_skipped bigint not null,
  duplicates   bigint not null,
  quarantined  bigint not null,
  outcome      text not null check (outcome in ('passed', 'warned', 'quarantined', 'failed')),
  failures     json not null,
  checked_at   timestamptz not null default clock_timestamp(),
  foreign key (scope_id, feature_set, version) references mlops.feature_set_versions on delete cascade on update cascade
);
create index feature_checks_newest on mlops.feature_checks (scope_id, feature_set, version, check_id desc);

-- Rows that are kept aside because they break an expectation.
create table mlops.quarantined_rows (
  quarantine_id  bigint generated always as identity primary key,
  scope_id       bigint not null,
  feature_set    text not null,
  version        integer not null,
  -- Digest of keys, times and values: a row that comes again is the same one.
  fingerprint    text not null,
  origin         text not null check (origin in ('materialization', 'push')),
  entity_key     json not null,
  event_time     bigint not null,
  created_time   bigint,
  feature_values json not null,
  reasons        json not null,
  held_since     timestamptz not null default clock_timestamp(),
  unique (scope_id, feature_set, version, fingerprint),
  foreign key (scope_id, feature_set, version) references mlops.feature_set_versions on delete cascade on update cascade
);

-- How often a reader read a feature: counted in the reader's process, added up here.
create table mlops.feature_usage (
  scope_id    bigint not null,
  feature_set text not null,
  version     integer not null,
  feature     text not null,
  -- `endpoint:mortality`, `key:ci`, `training:mortality_inputs`, …
  reader      text not null,
  reads       bigint not null,
  entities    bigint not null,
  first_at    timestamptz not null,
  last_at     timestamptz not null,
  primary key (scope_id, feature_set, version, feature, reader),
  foreign key (scope_id, feature_set, version) references mlops.feature_set_versions on delete cascade on update cascade
);
