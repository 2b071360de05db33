-- What of the files that tasks left another run still refers to, before their content goes.
create index run_artifacts_by_digest on mlops.run_artifacts (digest);
