-- Drops one record, with one entry of the history and one of the audit log. What the record stands for stays.
-- $1 scope_id, $2 address, $3 serial, $4 who, $5 git_commit or null
-- Rows: {address}; none where nothing has the address. Locks: the resource's row.
with gone as (
  delete from mlops.resources where scope_id = $1 and address = $2 returning address, digest, outputs
), history as (
  insert into mlops.state_history (scope_id, serial, who, operation, git_commit, action, address)
  select $1, $3::bigint, $4::text, 'rm', $5::text, 'forget', address from gone
), entry as (
  insert into mlops.audit_log (scope_id, who, action, subject, detail, git_commit)
  select $1, $4::text, 'resource.forget', address, json_build_object('digest', digest, 'outputs', outputs), $5::text from gone
)
select address from gone
