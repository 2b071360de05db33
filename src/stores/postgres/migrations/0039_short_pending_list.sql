-- Entries that wait to be sorted into the index are sorted in by whoever finds too many: a writer of predictions waits for that. In kilobytes.
alter index mlops.prediction_blocks_of_request set (gin_pending_list_limit = 256);
