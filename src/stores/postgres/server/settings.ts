/**
 * How the embedded server runs: small and quiet for one machine, and as durable as any Postgres. Given as words of the
 * command at each start, so that a newer program's settings hold for an older project.
 */
export const SERVER_SETTINGS: Readonly<Record<string, string>> = {
  listen_addresses: '127.0.0.1',
  // No sockets in the file system: their paths are limited to about 100 bytes.
  unix_socket_directories: '',
  max_connections: '60',
  // What a process that was killed had asked for is not worked on for long.
  client_connection_check_interval: '10s',
  shared_buffers: '32MB',
  jit: 'off',
  fsync: 'on',
  synchronous_commit: 'on',
  full_page_writes: 'on',
  // No replicas: less is logged, fewer processes idle.
  wal_level: 'minimal',
  max_wal_senders: '0',
  max_logical_replication_workers: '0',
  max_wal_size: '256MB',
  min_wal_size: '32MB',
  wal_compression: 'on',
  checkpoint_timeout: '15min',
  // Three worker processes fewer; the data fit in memory.
  io_method: 'sync',
  max_worker_processes: '2',
  max_parallel_workers: '0',
  max_parallel_workers_per_gather: '0',
  timezone: 'UTC',
  log_timezone: 'UTC',
  datestyle: 'ISO',
  // Refused statements are told to the client; statements may hold what a log must not.
  log_min_messages: 'log',
  log_min_error_statement: 'panic',
  log_checkpoints: 'off',
};
