-- Answers to reads of online features that were drawn to be kept, for a while: what was answered, from which records.
create table mlops.online_answers (
  answer_id  uuid primary key,
  scope_id   bigint not null references mlops.scopes (scope_id) on delete cascade,
  -- Who asked, as reads are counted.
  reader     text not null,
  entity     json not null,
  reads      json not null,
  latency_ms double precision not null,
  -- To the millisecond, as it is handed out.
  at         timestamptz(3) not null
);
create index online_answers_newest on mlops.online_answers (scope_id, at desc, answer_id desc);
