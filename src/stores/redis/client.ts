/** How a client of a single server, of Sentinels or of a cluster is made from the settings. */
import type { Cluster, Redis } from 'ioredis';
import type { Telling } from './errors.ts';
import { type RedisAddress, type RedisSettings, readNodes, readUrl } from './settings.ts';

export type Client = Redis | Cluster;

const RECONNECT_MS = { first: 50, longest: 1_000 } as const;
/** How often a cluster's map of slots is read again, beside whenever an answer says that it has changed. */
const SLOTS_REFRESH_MS = 5_000;
/** A command that a cluster sends on, or that finds its node gone, is tried so often, 100 ms apart. */
const REDIRECTIONS = 6;

export interface Blueprint {
  readonly isCluster: boolean;
  readonly telling: Telling;
  create(library: Pick<typeof import('ioredis'), 'Redis' | 'Cluster'>): Client;
}

/** ST123 where the settings cannot be used. */
export function blueprint(settings: RedisSettings): Blueprint {
  const { server, timeoutMs } = settings;
  const url = server.kind === 'single' ? readUrl(server.url) : undefined;
  const username = settings.username ?? url?.username;
  const password = settings.password ?? url?.password;
  const secrets = [password, server.kind === 'sentinel' ? server.password : undefined].filter(
    (text) => text !== undefined,
  );
  const tls = settings.tls ?? (url?.tls === true ? {} : undefined);
  const tlsOptions =
    tls === undefined
      ? undefined
      : {
          ...(tls.ca !== undefined && { ca: tls.ca }),
          ...(tls.cert !== undefined && { cert: tls.cert }),
          ...(tls.key !== undefined && { key: tls.key }),
          ...(tls.serverName !== undefined && { servername: tls.serverName }),
        };
  const common = {
    ...(username !== undefined && { username }),
    ...(password !== undefined && { password }),
    ...(tlsOptions !== undefined && { tls: tlsOptions }),
    connectTimeout: timeoutMs,
    // A server that hangs is left, so that nothing heaps up on its connection.
    socketTimeout: timeoutMs,
    // What was under way when the connection broke fails at once; `run` sends it again.
    maxRetriesPerRequest: 0,
  };
  const patient = {
    ...common,
    enableOfflineQueue: false,
    enableAutoPipelining: true,
    // The way round where a script is not known or a slot has moved, see redis-online.ts.
    // Reads are joined already, see joined-reads.ts.
    autoPipeliningIgnoredCommands: ['eval', 'mget'],
    retryStrategy: (times: number) => Math.min(RECONNECT_MS.first * 2 ** Math.min(times - 1, 10), RECONNECT_MS.longest),
    db: settings.db ?? url?.db ?? 0,
  };
  switch (server.kind) {
    case 'single': {
      const address = url as RedisAddress;
      return {
        isCluster: false,
        telling: { where: textOf(address), secrets },
        create: ({ Redis }) => new Redis({ ...patient, host: address.host, port: address.port }),
      };
    }
    case 'sentinel': {
      const nodes = readNodes(server.nodes, 'sentinel');
      return {
        isCluster: false,
        telling: { where: `${server.name} of the sentinels ${nodes.map(textOf).join(', ')}`, secrets },
        create: ({ Redis }) =>
          new Redis({
            ...patient,
            name: server.name,
            sentinels: nodes.map((node) => ({ ...node })),
            ...(server.username !== undefined && { sentinelUsername: server.username }),
            ...(server.password !== undefined && { sentinelPassword: server.password }),
            sentinelCommandTimeout: timeoutMs,
            ...(tlsOptions !== undefined && { sentinelTLS: tlsOptions, enableTLSForSentinelMode: true }),
            // The master that we knew has become a replica: ask the sentinels again.
            reconnectOnError: (error) => error.message.startsWith('READONLY'),
          }),
      };
    }
    case 'cluster': {
      const nodes = readNodes(server.nodes, 'cluster');
      return {
        isCluster: true,
        telling: { where: `the cluster of ${nodes.map(textOf).join(', ')}`, secrets },
        create: ({ Cluster }) =>
          new Cluster(
            nodes.map((node) => ({ ...node })),
            {
              redisOptions: common,
              enableOfflineQueue: false,
              enableAutoPipelining: true,
              autoPipeliningIgnoredCommands: ['eval', 'mget'],
              clusterRetryStrategy: (times) =>
                Math.min(RECONNECT_MS.first * 2 ** Math.min(times, 10), RECONNECT_MS.longest),
              slotsRefreshTimeout: timeoutMs,
              slotsRefreshInterval: SLOTS_REFRESH_MS,
              maxRedirections: REDIRECTIONS,
              // Behind TLS a node is known by its name; resolved to an address it would not match its certificate.
              ...(tlsOptions !== undefined && { dnsLookup: (address, callback) => callback(null, address) }),
            },
          ),
      };
    }
  }
}

const textOf = ({ host, port }: RedisAddress): string => `${host.includes(':') ? `[${host}]` : host}:${port}`;
