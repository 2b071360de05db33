-- Which of these contents nothing in this control store has any more: no version of a model that is there, no training set, no file of a tracked run,
-- no task of a run that goes on, and none whose result is kept for later runs. Of every scope, for those of one project share their artifacts.
-- Params: $1 digests. Rows: {digest}. Locks: none.
select distinct asked.digest from unnest($1::text[]) as asked(digest)
 where not exists (select from mlops.model_versions v, json_array_elements(v.artifacts) as artifact
                    where v.deleted_at is null
                      and (artifact ->> 'digest' = asked.digest or v.lineage #>> '{dataset,artifact}' = asked.digest))
   and not exists (select from mlops.training_sets s where s.artifact = asked.digest)
   and not exists (select from mlops.tracked_files f where f.digest = asked.digest)
   and not exists (select from mlops.runs r join mlops.tasks t using (run_id)
                    where r.open_tasks > 0 and position(asked.digest in t.outputs::text) > 0)
   and not exists (select from mlops.task_cache c join mlops.tasks t using (run_id, ordinal)
                    where position(asked.digest in t.outputs::text) > 0)
