-- Files that attempts left for the tasks after theirs; the content is in the artifact store. They go with their run.
create table mlops.run_artifacts (
  run_id  uuid not null,
  ordinal integer not null,
  attempt integer not null,
  path    text not null,
  digest  text not null,
  bytes   bigint not null,
  primary key (run_id, ordinal, attempt, path),
  foreign key (run_id, ordinal) references mlops.tasks (run_id, ordinal) on delete cascade
);
