-- Forgets answers that are kept for long enough, and the oldest of too many. Locks the rows that go.
-- Params: $1 scope, $2 milliseconds to keep them, $3 most to keep.
delete from mlops.online_answers
where scope_id = $1
  and (at < clock_timestamp() - $2 * interval '1 millisecond'
    or (at, answer_id) <= (
      select at, answer_id from mlops.online_answers where scope_id = $1 order by at desc, answer_id desc offset $3 limit 1
    ))
