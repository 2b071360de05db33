-- When pushed rows came and to which stores, so that what was answered can be told from what was known: one row a second and
-- version, however many pushes there are.
create table mlops.push_times (
  scope_id       bigint not null,
  feature_set    text not null,
  version        integer not null,
  -- Where they were sent to: online, offline or both.
  target         text not null check (target in ('online', 'offline', 'both')),
  second         timestamptz not null,
  first_sequence bigint not null,
  last_sequence  bigint not null,
  -- Of the last of them.
  at             timestamptz not null,
  primary key (scope_id, feature_set, version, target, second),
  foreign key (scope_id, feature_set, version) references mlops.feature_set_versions on delete cascade on update cascade
);
create index push_times_of_sequence on mlops.push_times (scope_id, feature_set, last_sequence);
alter table mlops.feature_updates drop column pushed_at;
