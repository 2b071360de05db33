-- Versions of feature sets side by side, what training sets are made from, and how what was answered came about.

alter table mlops.feature_set_versions
  drop constraint feature_set_versions_status_check,
  add constraint feature_set_versions_status_check check (status in ('registered', 'serving', 'retired', 'dropped')),
  add column retired_at timestamptz,
  add column retired_why text,
  -- What a retired version had in the stores is gone from them.
  add column swept_at timestamptz,
  -- It was brought back: until then it stays although nothing reads it.
  add column kept_until timestamptz,
  -- Pushed rows with a greater sequence came to this version itself; the others are carried over from the version before.
  add column pushes_since bigint not null default 0;

-- Whether its rows came by push. Null: written before this was recorded.
alter table mlops.feature_parts add column pushed boolean;
alter table mlops.feature_updates add column pushed_at timestamptz not null default clock_timestamp();

-- How far a version is online since when. `refilled`: the online store had lost what it held.
create table mlops.online_fills (
  fill_id     bigint generated always as identity primary key,
  scope_id    bigint not null,
  feature_set text not null,
  version     integer not null,
  sequence    bigint not null,
  -- Microseconds since 1970.
  visible_at  bigint not null,
  refilled    boolean not null,
  at          timestamptz not null default clock_timestamp(),
  foreign key (scope_id, feature_set, version) references mlops.feature_set_versions on delete cascade on update cascade
);
create index online_fills_of_version on mlops.online_fills (scope_id, feature_set, version, at);

-- A training set never changes. `recipe`: all that it takes to make the same bytes again.
create table mlops.training_sets (
  scope_id  bigint not null references mlops.scopes (scope_id),
  digest    text not null,
  artifact  text not null,
  row_count bigint not null,
  recipe    json not null,
  made_by   text not null,
  made_at   timestamptz not null default clock_timestamp(),
  primary key (scope_id, digest)
);
create table mlops.training_set_parts (
  scope_id bigint not null,
  digest   text not null,
  storage  text not null,
  version  integer not null,
  location text not null,
  primary key (scope_id, digest, location),
  foreign key (scope_id, digest) references mlops.training_sets
);
create index training_set_parts_of_version on mlops.training_set_parts (scope_id, storage, version);
create trigger training_sets_are_append_only
  before update or delete or truncate on mlops.training_sets
  for each statement execute function mlops.refuse_change();
create trigger training_set_parts_are_append_only
  before update or delete or truncate on mlops.training_set_parts
  for each statement execute function mlops.refuse_change();

-- Of each set the version that was read, the records' times and order; which values came with the request. Null: not recorded.
alter table mlops.predictions add column reads json;
