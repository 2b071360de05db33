-- The tasks of a new run, all pending.
-- Params: $1 scope, $2 run, $3 json array of tasks in order. Rows: none.
insert into mlops.tasks (run_id, ordinal, scope_id, name, operator, trigger_rule, when_expression, needs, dependents, priority,
                         cpu, memory_bytes, gpu, deadline_ms)
select $2, t.ordinal, $1, t.name, t.operator, t.trigger_rule, t.when_expression, t.needs, t.dependents, t.priority,
       t.cpu, t.memory_bytes, t.gpu, t.deadline_ms
from json_to_recordset($3) as t(ordinal integer, name text, operator text, trigger_rule text, when_expression text,
       needs integer[], dependents integer[], priority integer, cpu double precision, memory_bytes bigint, gpu integer, deadline_ms bigint)
