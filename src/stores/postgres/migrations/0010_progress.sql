-- How far the attempt that runs is, as its operator last told: {attempt, what, done, total, etaSeconds}. Of an attempt that
-- ended, or of one before, it means nothing.
alter table mlops.tasks add column progress json;
