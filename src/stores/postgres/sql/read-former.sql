-- What few resources have: a failed last step, and names from before.
-- $1 scope_id
-- Rows: {address, failure, formerNames}, only those with either. Locks: none.
select address, failure, names as "formerNames"
from mlops.resources r
left join (
  select kind, name, array_agg(former order by former) as names
  from mlops.former_names where scope_id = $1 group by kind, name
) as f using (kind, name)
where scope_id = $1 and (failure is not null or names is not null)
