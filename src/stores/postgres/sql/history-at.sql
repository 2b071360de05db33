-- Everything that was recorded when a serial was done.
-- $1 scope_id, $2 serial
-- Rows: {address, resource}, by address. Locks: none.
select address, resource from (
  select distinct on (subject.address) subject.address, case when subject.here then h.resource end as resource
  from mlops.state_history h,
       lateral (values (h.address, true), (h.previous_address, false)) as subject (address, here)
  where h.scope_id = $1 and h.serial <= $2 and subject.address is not null
  order by subject.address, h.entry_id desc
) as last
where resource is not null
order by address collate "C"
