-- Logs blocks of predictions, each once: written again after an answer that was lost, they change nothing. Times are of this server's clock.
-- Params: $1 scope, then nine a block: id, endpoint, age of its newest row and its span in milliseconds, rows, answers, models, request
-- ids, bytes.
with new (block_id, endpoint, age, span, row_count, answers, models, request_ids, bytes) as (values /* blocks */), added as (
  insert into mlops.prediction_blocks (block_id, scope_id, endpoint, at, span, rows, answers, models, requests)
  select block_id, $1, endpoint, clock_timestamp() - age * interval '1 millisecond', span, row_count, answers, models,
    array(select hashtextextended(id, $1) from unnest(request_ids) as id)
  from new
  on conflict (block_id) do nothing
  returning block_id, endpoint, at, rows
), waiting as (
  insert into mlops.prediction_blocks_waiting (block_id, scope_id, endpoint, at, rows)
  select block_id, $1, endpoint, at, rows from added
)
insert into mlops.prediction_block_rows (block_id, rows)
select block_id, bytes from new join added using (block_id)
