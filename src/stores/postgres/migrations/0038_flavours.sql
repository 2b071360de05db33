-- What a version of a framework needs to be loaded where it was made; and versions of all models in the order of their numbers and of their registration.
alter table mlops.model_versions add column flavour json;
create index model_versions_by_version on mlops.model_versions (scope_id, version desc, seq desc) where deleted_at is null;
create index model_versions_by_creation on mlops.model_versions (scope_id, created_at desc, seq desc) where deleted_at is null;
