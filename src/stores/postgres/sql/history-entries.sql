-- Entries of a scope's history, the newest first, each with how the resource was before it.
-- $1 scope_id, $2 address or null for all: its entries, and those of the same resource under the names that it had,
-- $3 only of serials after this one, or null, $4 limit
-- Rows: {serial, at, who, operation, applyId, gitCommit, action, address, previousAddress, before, after}. Locks: none.
with recursive line as (
  -- Back through renames: until when which address was this resource's.
  select $2::text as address, 9223372036854775807 as until where $2::text is not null
  union all
  select h.previous_address, h.entry_id
  from line, lateral (
    select entry_id, previous_address from mlops.state_history
    where scope_id = $1 and address = line.address and entry_id < line.until and action = 'rename'
    order by entry_id desc limit 1
  ) as h
)
select h.serial, h.at, h.who, h.operation, h.apply_id as "applyId", h.git_commit as "gitCommit", h.action, h.address,
       h.previous_address as "previousAddress", b.resource as before, h.resource as after
from mlops.state_history h
left join lateral (
  select resource from mlops.state_history p
  where p.scope_id = $1 and p.entry_id < h.entry_id and p.address = coalesce(h.previous_address, h.address)
  order by p.entry_id desc limit 1
) as b on true
where h.scope_id = $1
  and ($2::text is null or exists (select from line where h.address = line.address and h.entry_id < line.until)
       or h.previous_address = $2)
  and ($3::bigint is null or h.serial > $3)
order by h.entry_id desc
limit $4
