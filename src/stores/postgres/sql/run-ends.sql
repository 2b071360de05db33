-- Ends of runs that nobody looked at, in their order.
-- Params: $1 scope, $2 limit. Rows: at most $2. Locks: none; the caller holds the scope's lock on ends.
select m.seq, m.at, m.status, r.run_id as "runId", r.pipeline, r.cause, r.created_at as "createdAt", r.started_at as "startedAt",
       r.spec -> 'notify' as notify,
       (select json_build_object('failures', (e.detail ->> 'failures')::integer, 'until', e.detail ->> 'until')
        from mlops.pipeline_events e
        where e.scope_id = m.scope_id and e.pipeline = r.pipeline and e.kind = 'breaker_opened'
          and e.detail ->> 'run_id' = r.run_id::text and m.status = 'failed'
          -- Written in the same transaction; the run may have failed and opened it before, and been tried again.
          and e.at between m.at - interval '10 seconds' and m.at + interval '10 seconds'
        order by e.event_id desc limit 1) as breaker
from mlops.run_moves m join mlops.runs r on r.run_id = m.run_id
where m.scope_id = $1 and m.consumer = 'notify'
order by m.seq
limit $2
