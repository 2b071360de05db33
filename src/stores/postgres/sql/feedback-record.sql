-- What predictions turned out to be; what was told just so before adds nothing. The caller's transaction holds the lock of the endpoint's feedback.
-- Params: $1 scope, $2 endpoint, $3 who, $4 JSON array of {requestId, ordinal, outcome, at}, one a row of a request.
-- Rows: one: how many were told before otherwise (`corrected`) or never (`added`).
with told as (
  select request_id, hashtextextended(request_id, $1) as hash, ordinal, outcome, at
  from (
    select t."requestId" as request_id, t.ordinal, t.outcome, t.at
    from json_to_recordset($4::json) as t ("requestId" text, ordinal integer, outcome json, at timestamptz)
  ) t
), fresh as (
  select told.*, before.outcome is not null as corrects
  from told
  left join lateral (
    select f.outcome, f.at from mlops.feedback f
    where f.scope_id = $1 and f.request_hash = told.hash and f.ordinal = told.ordinal and f.request_id = told.request_id
      and f.endpoint = any(mlops.names_of($1, 'endpoint', $2))
    order by f.feedback_id desc limit 1
  ) before on true
  where before.outcome is null or before.outcome::text <> told.outcome::text or before.at is distinct from told.at
), added as (
  insert into mlops.feedback (scope_id, endpoint, request_id, request_hash, ordinal, outcome, at, recorded_at, recorded_by)
  -- To the millisecond, as clients hold it, so that a time read from here finds it again.
  select $1, $2, request_id, hash, ordinal, outcome, at, date_trunc('milliseconds', clock_timestamp()), $3 from fresh
)
select count(*) filter (where not corrects)::integer as added, count(*) filter (where corrects)::integer as corrected from fresh
