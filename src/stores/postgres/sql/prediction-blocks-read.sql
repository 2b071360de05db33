-- Blocks of predictions, the one with the newest row first, after a place in that order; every condition that is null is none.
-- Each is logged under the name of its time, and is found by those of now too. Times in microseconds since 1970.
-- Params: $1 scope, $2 endpoint, $3 model, $4 request id; $5 and $6 rows from and to; $7 newest row and $8 id of the last seen, $9 limit.
select block_id as id, endpoint, (extract(epoch from at) * 1000000)::bigint::text as newest, span, b.rows
from (
  select block_id, endpoint, at, span, (select rows from mlops.prediction_block_rows r where r.block_id = p.block_id) as rows
  from mlops.prediction_blocks p
  where scope_id = $1
    and ($2::text is null or endpoint = any(mlops.names_of($1, 'endpoint', $2)))
    and ($3::text is null or models && mlops.names_of($1, 'model', $3))
    and ($4::text is null or requests @> array[hashtextextended($4, $1)])
    and ($5::bigint is null or at >= 'epoch'::timestamptz + $5::bigint * interval '1 microsecond')
    and ($6::bigint is null or (at <= 'epoch'::timestamptz + $6::bigint * interval '1 microsecond' + interval '1 minute'
      and at - (span + 1) * interval '1 millisecond' <= 'epoch'::timestamptz + $6::bigint * interval '1 microsecond'))
    and ($7::bigint is null or (at, block_id) < ('epoch'::timestamptz + $7::bigint * interval '1 microsecond', $8::uuid))
  order by at desc, block_id desc
  limit $9
) b
order by at desc, block_id desc
