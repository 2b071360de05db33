-- The ids of requests are spread all over the index: sorted in few at a time, each costs a page of it, written whole. With 1.5 million rows a
-- row cost Postgres 82 us that way, and 6 us with the default, in which a page takes many. The writer of the log waits for it, no answer does.
alter index mlops.prediction_blocks_of_request reset (gin_pending_list_limit);
