-- Takes the scope's lock where nobody holds it, or where the holder's lease has ended by this server's clock.
-- $1 scope_id, $2 who, $3 operation, $4 lease in milliseconds, $5 lock_id
-- Rows: {lock_id}; none where somebody holds it. Locks: the lock's row, for the statement.
insert into mlops.locks as l (scope_id, lock_id, who, operation, lease_ends_at)
values ($1, $5, $2, $3, clock_timestamp() + $4::double precision * interval '1 millisecond')
on conflict (scope_id) do update
set lock_id = excluded.lock_id, who = excluded.who, operation = excluded.operation, since = clock_timestamp(),
    lease_ends_at = excluded.lease_ends_at
where l.lease_ends_at < clock_timestamp()
returning lock_id
