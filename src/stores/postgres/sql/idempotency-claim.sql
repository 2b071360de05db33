-- Claims a key for a request, or tells what it stands for.
-- Parameters: $1 scope, $2 caller, $3 key, $4 digest of the request.
-- Rows: exactly one: claimed (this call has it now), request_digest, status and body (null while it is worked on).
-- Locks: the row of the key. An unanswered claim older than a minute, and any answer older than a day, is taken over.
with taken as (
  insert into mlops.idempotency_keys as kept (scope_id, caller, key, request_digest)
  values ($1, $2, $3, $4)
  on conflict (scope_id, caller, key) do update
    set request_digest = excluded.request_digest, claimed_at = clock_timestamp(), status = null, body = null
    where kept.claimed_at < clock_timestamp() - interval '1 day'
       or (kept.status is null and kept.claimed_at < clock_timestamp() - interval '1 minute')
  returning request_digest
)
select true as claimed, request_digest, null::integer as status, null::text as body from taken
union all
select false, request_digest, status, body
  from mlops.idempotency_keys
 where scope_id = $1 and caller = $2 and key = $3 and not exists (select from taken)
