-- What is late of the pipelines of runs that succeeded, and whether the run itself was told to be late while it was of no schedule.
-- Params: $1 scope; one element a run: $2 numbers, $3 runs, $4 names under which expectations of their pipelines stand.
-- Rows: one a run of which either holds. Locks: none; the caller holds the scope's lock on ends.
select e.seq, found.subjects, found.told
from unnest($2::bigint[], $3::uuid[], $4::text[]) as e(seq, run_id, expectation)
cross join lateral (
  select
    coalesce((select array_agg(s.subject) from mlops.subject_states s
              where s.scope_id = $1 and s.state like 'late %'
                and (s.subject = e.expectation or starts_with(s.subject, e.expectation || '#'))), '{}') as subjects,
    exists (select from mlops.notifications n where n.run_id = e.run_id and n.scope_id = $1 and n.key = 'late/run/' || e.run_id) as told
) found
where found.told or cardinality(found.subjects) > 0
