-- Sums up what the history has before a serial: each resource that was there then by one entry, at the last serial before it.
-- The transaction has set mlops.summing.
-- $1 scope_id, $2 the first serial that stays as it is, $3 the last one before it, $4 when and $5 by whom that was made,
-- $6 its git_commit or null, $7 who prunes
-- Rows: {entries}: how many are gone. Locks: the entries before the serial, and the scope's row.
with last as (
  select distinct on (subject.address) h.entry_id, case when subject.here then h.resource end as resource
  from mlops.state_history h,
       lateral (values (h.address, true), (h.previous_address, false)) as subject (address, here)
  where h.scope_id = $1 and h.serial < $2 and subject.address is not null
  order by subject.address, h.entry_id desc
), kept as (
  select entry_id from last where resource is not null
), summed as (
  update mlops.state_history h
  set serial = $3::bigint, at = $4, who = $5, operation = 'record', apply_id = null, git_commit = $6, action = 'record', previous_address = null
  from kept where h.entry_id = kept.entry_id
), gone as (
  delete from mlops.state_history h
  where h.scope_id = $1 and h.serial < $2 and h.entry_id not in (select entry_id from kept)
  returning 1
), steps as (
  delete from mlops.apply_steps s using mlops.applies a
  where s.apply_id = a.apply_id and a.scope_id = $1 and a.serial_after < $2 and a.ended_at is not null
), scope as (
  update mlops.scopes set history_from = $3::bigint where scope_id = $1
), entry as (
  insert into mlops.audit_log (scope_id, who, action, subject, detail)
  select $1, $7, 'history.prune', 'state', json_build_object('before', $2::bigint, 'entries', (select count(*) from gone))
)
select count(*)::integer as entries from gone
