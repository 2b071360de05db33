-- Snapshots of sources of many files share a table too: what was read of which file. Runs in the store's schema. Locks: the list of
-- snapshots that grow, for a moment.
alter table grown_snapshots add column files json;
