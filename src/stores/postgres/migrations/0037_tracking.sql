-- Experiments and their runs: what was tried, with which parameters, what it measured, and the models that it left.
-- Text that clients choose and order by has the collation "C": it is compared byte by byte, as their own stores do.

create table mlops.experiments (
  experiment_key    bigint generated always as identity primary key,
  scope_id          bigint not null references mlops.scopes (scope_id) on delete cascade,
  -- As clients know it: from 0 in each scope.
  number            bigint not null,
  name              text collate "C" not null,
  -- Below it lie the files of its runs and models.
  artifact_location text not null,
  lifecycle         text not null default 'active' check (lifecycle in ('active', 'deleted')),
  tags              jsonb not null default '{}',
  created_ms        bigint not null,
  updated_ms        bigint not null,
  unique (scope_id, number),
  unique (scope_id, name)
);

-- The last number given out.
create table mlops.experiment_numbers (
  scope_id bigint primary key references mlops.scopes (scope_id) on delete cascade,
  last     bigint not null
);

-- What runs are found and ordered by; narrow, because a search may look at all of them.
create table mlops.tracked_runs (
  run_id         uuid primary key,
  experiment_key bigint not null references mlops.experiments (experiment_key) on delete cascade,
  name           text collate "C" not null,
  user_id        text collate "C" not null,
  status         text collate "C" not null default 'RUNNING' check (status in ('RUNNING', 'SCHEDULED', 'FINISHED', 'FAILED', 'KILLED')),
  lifecycle      text not null default 'active' check (lifecycle in ('active', 'deleted')),
  started_ms     bigint not null,
  ended_ms       bigint
);
create index tracked_runs_newest on mlops.tracked_runs (experiment_key, lifecycle, started_ms desc, run_id);

-- What is answered of a run, whole, so that a page of runs is one read a run. The last value of each metric is [value, time, step].
create table mlops.tracked_run_data (
  run_id       uuid primary key references mlops.tracked_runs (run_id) on delete cascade,
  artifact_uri text collate "C" not null,
  params       jsonb not null default '{}',
  tags         jsonb not null default '{}',
  metrics      jsonb not null default '{}'
);

-- The same once more to search by, and every value that a metric ever had.
create table mlops.run_metrics (
  experiment_key bigint not null,
  key            text collate "C" not null,
  value          double precision not null,
  run_id         uuid not null references mlops.tracked_runs (run_id) on delete cascade,
  primary key (run_id, key) include (value)
);
create index run_metrics_by_value on mlops.run_metrics (experiment_key, key, value, run_id);

create table mlops.run_params (
  experiment_key bigint not null,
  key            text collate "C" not null,
  value          text collate "C" not null,
  run_id         uuid not null references mlops.tracked_runs (run_id) on delete cascade,
  primary key (run_id, key)
);
-- A value may be longer than an index takes.
create index run_params_by_value on mlops.run_params (experiment_key, key, left(value, 120), run_id);

create table mlops.run_tags (
  experiment_key bigint not null,
  key            text collate "C" not null,
  value          text collate "C" not null,
  run_id         uuid not null references mlops.tracked_runs (run_id) on delete cascade,
  primary key (run_id, key)
);
create index run_tags_by_value on mlops.run_tags (experiment_key, key, left(value, 120), run_id);

create table mlops.metric_points (
  run_id uuid not null references mlops.tracked_runs (run_id) on delete cascade,
  key    text collate "C" not null,
  at_ms  bigint not null,
  step   bigint not null,
  value  double precision not null,
  primary key (run_id, key, at_ms, step, value)
);

-- What runs read. The first one to tell of a data set describes it.
create table mlops.tracked_datasets (
  experiment_key bigint not null references mlops.experiments (experiment_key) on delete cascade,
  name           text collate "C" not null,
  digest         text collate "C" not null,
  source_type    text not null,
  source         text not null,
  schema         text,
  profile        text,
  primary key (experiment_key, name, digest)
);
create table mlops.run_datasets (
  run_id         uuid not null references mlops.tracked_runs (run_id) on delete cascade,
  seq            bigint generated always as identity,
  experiment_key bigint not null,
  name           text collate "C" not null,
  digest         text collate "C" not null,
  tags           jsonb not null default '{}',
  primary key (run_id, name, digest),
  foreign key (experiment_key, name, digest) references mlops.tracked_datasets (experiment_key, name, digest) on delete cascade
);
create index run_datasets_by_name on mlops.run_datasets (experiment_key, name, digest, run_id);

create table mlops.logged_models (
  model_id       text primary key,
  experiment_key bigint not null references mlops.experiments (experiment_key) on delete cascade,
  name           text collate "C" not null,
  artifact_uri   text collate "C" not null,
  status         text not null default 'LOGGED_MODEL_PENDING',
  lifecycle      text not null default 'active' check (lifecycle in ('active', 'deleted')),
  model_type     text collate "C" not null default '',
  source_run_id  text collate "C" not null default '',
  params         jsonb not null default '{}',
  tags           jsonb not null default '{}',
  created_ms     bigint not null,
  updated_ms     bigint not null
);
create index logged_models_newest on mlops.logged_models (experiment_key, created_ms desc, model_id);

create table mlops.logged_model_metrics (
  model_id       text not null references mlops.logged_models (model_id) on delete cascade,
  run_id         uuid not null,
  key            text collate "C" not null,
  at_ms          bigint not null,
  step           bigint not null,
  value          double precision not null,
  dataset_name   text,
  dataset_digest text,
  seq            bigint generated always as identity,
  primary key (model_id, key, at_ms, step, run_id)
);

create table mlops.run_models (
  run_id   uuid not null references mlops.tracked_runs (run_id) on delete cascade,
  -- What became of the model: read by the run, or made by it.
  way      text not null check (way in ('input', 'output')),
  model_id text not null,
  step     bigint not null default 0,
  seq      bigint generated always as identity,
  primary key (run_id, way, model_id)
);

-- Files of runs and models by the path that clients know; the content is in the artifact store.
create table mlops.tracked_files (
  scope_id bigint not null references mlops.scopes (scope_id) on delete cascade,
  path     text collate "C" not null,
  digest   text not null,
  bytes    bigint not null,
  primary key (scope_id, path)
);
