-- What tasks share beyond a machine (pools, the runs and tasks of a pipeline at once, what a team may use), which devices an attempt has, and
-- tasks that run once for each item of a list.

-- How many runs of the pipeline may be under way at once; null: any number.
alter table mlops.runs add column run_limit integer;

-- {pools, pipeline, pipelineTasks, team} of a task that shares something; null: nothing.
alter table mlops.tasks add column shared jsonb;
-- Of a waiting task, for people.
alter table mlops.tasks add column waiting_for text;

alter table mlops.task_attempts add column shared jsonb;
-- Numbers of the devices, from 0.
alter table mlops.task_attempts add column gpus integer[] not null default '{}';

-- Of a task that runs for each item, once its items are known: how many, how many of them are not at their end, how many failed.
alter table mlops.tasks
  add column items        integer,
  add column items_open   integer not null default 0,
  add column items_failed integer not null default 0,
  -- Of one item's task, which is named TASK[INDEX] and stands behind those of the pipeline: the position of its task, and the item.
  add column parent       integer,
  add column item         json;
create index tasks_of_items on mlops.tasks (run_id, parent, ordinal) where parent is not null;
