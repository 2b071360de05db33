-- What an attempt took of its machine; null where that could not be told, and of attempts that ended before.
alter table mlops.task_attempts
  add column cpu_seconds       double precision,
  add column peak_memory_bytes bigint,
  add column wall_seconds      double precision;
