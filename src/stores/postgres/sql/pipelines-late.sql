-- Which pipelines are late now: the last instant that was to be done by now is not, and no run of the newest hundred has succeeded since that was
-- noticed; or a run of no schedule is at work for longer than the pipeline expects.
-- Params: $1 scope, $2 [{name, schedules, within}]. Rows: their names. Locks: none.
select p.name
from json_to_recordset($2) as p(name text, schedules json, within text)
where exists (
    select from json_array_elements_text(p.schedules) as e(cursor)
    join mlops.subject_states s on s.scope_id = $1 and s.subject = 'expect.' || e.cursor and s.state like 'late %'
    where not exists (
      select from (select r.status, r.finished_at from mlops.runs r where r.scope_id = $1 and r.pipeline = p.name
                   order by r.created_at desc, r.run_id desc limit 100) newest
      where newest.status = 'succeeded' and newest.finished_at > s.since)
  )
  or (p.within is not null and exists (
    select from mlops.runs r
    where r.scope_id = $1 and r.status in ('queued', 'running') and r.schedule is null and r.pipeline = p.name
      and r.created_at + mlops.duration(p.within) < clock_timestamp()))
order by p.name
