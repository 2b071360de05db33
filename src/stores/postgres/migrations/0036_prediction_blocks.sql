-- The log of predictions in blocks: what an endpoint answered within some milliseconds is one row here. What predictions turned out to be.

create table mlops.prediction_blocks (
  -- The id of its first prediction: written again, it changes nothing.
  block_id uuid primary key,
  scope_id bigint not null references mlops.scopes (scope_id) on delete cascade,
  endpoint text not null,
  -- Of its newest prediction; the oldest is `span` milliseconds older, at most a minute.
  at       timestamptz not null,
  span     double precision not null,
  rows     integer not null,
  -- Those among them that a caller got.
  answers  integer not null,
  models   text[] not null,
  -- hashtextextended(request id, scope), each once.
  requests bigint[] not null
);
create index prediction_blocks_newest on mlops.prediction_blocks (scope_id, at desc, block_id desc);
create index prediction_blocks_of_endpoint on mlops.prediction_blocks (scope_id, endpoint, at desc, block_id desc);
create index prediction_blocks_of_request on mlops.prediction_blocks using gin (requests);

-- Its predictions. The first byte says how: 1 columns as MessagePack, 2 rows as JSON.
create table mlops.prediction_block_rows (
  block_id uuid primary key references mlops.prediction_blocks (block_id) on delete cascade,
  rows     bytea not null
);
-- Numbers that hardly repeat: to compress them costs more than it gains.
alter table mlops.prediction_block_rows alter column rows set storage external;

with numbered as (
  select p.*, date_trunc('minute', at) as minute,
    row_number() over (partition by scope_id, endpoint, date_trunc('minute', at) order by at desc, prediction_id desc) / 1000 as part
  from mlops.predictions p
), blocks as (
  select (array_agg(prediction_id order by at desc, prediction_id desc))[1] as block_id, scope_id, endpoint, max(at) as newest,
    extract(epoch from max(at) - min(at)) * 1000 as span, count(*) as rows, array_agg(distinct model) as models,
    array_agg(distinct hashtextextended(request_id, scope_id)) as requests,
    json_agg(json_build_object('id', prediction_id, 'requestId', request_id, 'ordinal', ordinal, 'variant', variant, 'model', model,
      'version', version, 'entity', entity, 'features', features, 'prediction', prediction, 'latencyMs', latency_ms, 'reads', reads,
      'at', (extract(epoch from at) * 1000000)::bigint) order by at desc, prediction_id desc) as predictions
  from numbered
  group by scope_id, endpoint, minute, part
), moved as (
  insert into mlops.prediction_blocks (block_id, scope_id, endpoint, at, span, rows, answers, models, requests)
  select block_id, scope_id, endpoint, newest, span, rows, rows, models, requests from blocks
)
insert into mlops.prediction_block_rows (block_id, rows)
select block_id, '\x02'::bytea || convert_to(predictions::text, 'UTF8') from blocks;
drop table mlops.predictions;

-- What predictions turned out to be, as it was told: a correction is another row, and the last one counts.
create table mlops.feedback (
  feedback_id  bigint generated always as identity primary key,
  scope_id     bigint not null references mlops.scopes (scope_id) on delete cascade,
  -- As the prediction was logged.
  endpoint     text not null,
  request_id   text not null,
  request_hash bigint not null,
  ordinal      integer not null,
  outcome      json not null,
  -- When it turned out so; null: not told.
  at           timestamptz,
  recorded_at  timestamptz not null default clock_timestamp(),
  recorded_by  text not null
);
create index feedback_of_request on mlops.feedback (scope_id, request_hash, ordinal, feedback_id desc);
create index feedback_of_endpoint on mlops.feedback (scope_id, endpoint, feedback_id desc);
create function mlops.keep_feedback() returns trigger language plpgsql as $$
begin
  raise exception 'feedback cannot be changed' using errcode = 'restrict_violation';
end
$$;
create trigger feedback_never_changes before update on mlops.feedback for each statement execute function mlops.keep_feedback();
