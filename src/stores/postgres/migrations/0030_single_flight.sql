-- Tasks with a cache whose work another attempt has in hand: they wait for its end. What an attempt works on is in task_cache from its
-- start on; it has it in hand while its task is running that very attempt.
alter table mlops.deferred_tasks add column cache_key text;
create index deferred_tasks_of_key on mlops.deferred_tasks (scope_id, cache_key) where cache_key is not null and not resumed;
