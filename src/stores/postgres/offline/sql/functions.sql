-- What translated queries call: functions with the meaning that DuckDB gives them. Run in a schema of the store's own, which
-- stands in the search path of its sessions. Parameters: none. Locks: none beyond the functions' own. May run again.
create or replace function mlops_year(t timestamp) returns bigint language sql immutable parallel safe return extract(year from t)::bigint;
create or replace function mlops_month(t timestamp) returns bigint language sql immutable parallel safe return extract(month from t)::bigint;
create or replace function mlops_day(t timestamp) returns bigint language sql immutable parallel safe return extract(day from t)::bigint;
create or replace function mlops_hour(t timestamp) returns bigint language sql immutable parallel safe return extract(hour from t)::bigint;
create or replace function mlops_minute(t timestamp) returns bigint language sql immutable parallel safe return extract(minute from t)::bigint;
create or replace function mlops_epoch(t timestamp) returns double precision language sql immutable parallel safe return extract(epoch from t)::double precision;
create or replace function mlops_epoch_ms(t timestamp) returns bigint language sql immutable parallel safe return floor(extract(epoch from t) * 1000)::bigint;
create or replace function mlops_isnan(x double precision) returns boolean language sql immutable parallel safe return x = 'NaN'::double precision;
create or replace function mlops_isinf(x double precision) returns boolean language sql immutable parallel safe return x in ('Infinity', '-Infinity');
create or replace function mlops_isfinite(x double precision) returns boolean language sql immutable parallel safe return x not in ('Infinity', '-Infinity', 'NaN');
create or replace function mlops_round(x double precision) returns double precision language sql immutable parallel safe
  return sign(x) * floor(abs(x) + 0.5);
create or replace function mlops_round(x double precision, digits integer) returns double precision language sql immutable parallel safe
  return round(x::numeric, digits)::double precision;
create or replace function mlops_round(x numeric, digits integer) returns numeric language sql immutable parallel safe return round(x, digits);
-- Boundaries crossed, as DuckDB counts, not whole units elapsed; but of weeks the whole ones between the two days.
create or replace function mlops_date_diff(part text, a timestamp, b timestamp) returns bigint language sql immutable parallel safe
  return case lower(part)
    when 'year' then extract(year from b)::bigint - extract(year from a)::bigint
    when 'quarter' then (extract(year from b) * 4 + extract(quarter from b) - extract(year from a) * 4 - extract(quarter from a))::bigint
    when 'month' then (extract(year from b) * 12 + extract(month from b) - extract(year from a) * 12 - extract(month from a))::bigint
    when 'week' then trunc((b::date - a::date) / 7.0)::bigint
    else (extract(epoch from date_trunc(part, b) - date_trunc(part, a))
      / case lower(part) when 'day' then 86400 when 'hour' then 3600 when 'minute' then 60 when 'second' then 1 end)::bigint
  end;
-- Whole units elapsed, as DuckDB counts and Trino's date_diff does. A day that the end's month has not counts as its last one.
create or replace function mlops_whole_months(a timestamp, b timestamp) returns bigint language sql immutable parallel safe
  return ((extract(year from b) - extract(year from a)) * 12 + extract(month from b) - extract(month from a))::bigint
    - case when a + ((extract(year from b) - extract(year from a)) * 12 + extract(month from b) - extract(month from a))::integer * interval '1 month' > b then 1 else 0 end;
create or replace function mlops_date_sub(part text, a timestamp, b timestamp) returns bigint language sql immutable parallel safe
  return case
    when lower(part) in ('month', 'quarter', 'year') then
      (case when a <= b then mlops_whole_months(a, b) else -mlops_whole_months(b, a) end)
        / case lower(part) when 'month' then 1 when 'quarter' then 3 else 12 end
    else trunc(extract(epoch from b - a)
      / case lower(part) when 'week' then 604800 when 'day' then 86400 when 'hour' then 3600 when 'minute' then 60 when 'second' then 1 when 'millisecond' then 0.001 end)::bigint
  end;
create or replace function mlops_median_final(found double precision[]) returns double precision language sql immutable parallel safe
  return (select percentile_cont(0.5) within group (order by x) from unnest(found) x);
create or replace aggregate mlops_median(double precision) (sfunc = array_append, stype = double precision[], finalfunc = mlops_median_final);
