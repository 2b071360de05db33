-- Reads of features by day, of the last 31: what a plan says of a feature that changes. What was read before is in feature_usage alone.
create table mlops.feature_reads (
  scope_id    bigint not null,
  -- In UTC.
  day         date not null,
  feature_set text not null,
  version     integer not null,
  feature     text not null,
  reader      text not null,
  reads       bigint not null,
  primary key (scope_id, day, feature_set, version, feature, reader),
  foreign key (scope_id, feature_set, version) references mlops.feature_set_versions on delete cascade on update cascade
);
create index feature_reads_of_version on mlops.feature_reads (scope_id, feature_set, version);
