-- Runs of one status, of all pipelines or of one, newest first: few among many are found without looking at the others.
create index runs_of_status on mlops.runs (scope_id, status, created_at desc, run_id desc);
create index runs_of_pipeline_and_status on mlops.runs (scope_id, pipeline, status, created_at desc, run_id desc);
