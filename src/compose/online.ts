/** The online store of an environment: the Redis that its settings name, or the project's own LMDB. Each is loaded only when it is used. */
import { readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { MlopsError } from '../lib/error.ts';
import { type EnvRef, resolveEnv } from '../lib/secret.ts';
import { durationMs } from '../lib/units.ts';
import type { RedisSpec } from '../spec/schema-types.ts';
import type { OnlineStore } from '../stores/online.ts';
import type { RedisSettings, RedisTls } from '../stores/redis/settings.ts';
import type { Settings } from './settings.ts';

const DEFAULT_PREFIX = 'mlops:';
const DEFAULT_TIMEOUT = '2s';

/** SP110 where a variable is not set, ST123 where the settings cannot be used. */
export async function openOnline(settings: Settings, folder: string): Promise<OnlineStore> {
  const redis = settings.spec.online?.redis;
  if (redis === undefined) {
    const { createLmdbOnline } = await import('../stores/lmdb/lmdb-online.ts');
    return createLmdbOnline({ directory: join(folder, 'online', settings.environment) });
  }
  const { createRedisOnline } = await import('../stores/redis/redis-online.ts');
  return createRedisOnline(redisSettings(redis, settings.root, process.env), {
    project: settings.project,
    environment: settings.environment,
  });
}

/** With every secret resolved: never log it. */
export function redisSettings(
  spec: string | EnvRef | RedisSpec,
  root: string,
  variables: Readonly<Record<string, string | undefined>>,
): RedisSettings {
  if (typeof spec === 'string' || '$env' in spec) return redisSettings({ url: spec }, root, variables);
  const secret = (value: string | EnvRef | undefined): string | undefined =>
    value === undefined ? undefined : resolveEnv(value, variables);
  const nodes = (texts: readonly (string | EnvRef)[]): readonly string[] =>
    texts.map((text) => resolveEnv(text, variables));
  const { url, sentinel, cluster, tls } = spec;
  const server: RedisSettings['server'] =
    cluster !== undefined
      ? { kind: 'cluster', nodes: nodes(cluster.nodes) }
      : sentinel !== undefined
        ? {
            kind: 'sentinel',
            name: sentinel.name,
            nodes: nodes(sentinel.nodes),
            username: secret(sentinel.username),
            password: secret(sentinel.password),
          }
        : { kind: 'single', url: secret(url) ?? '' };
  return {
    server,
    username: secret(spec.username),
    password: secret(spec.password),
    db: spec.db,
    keyPrefix: spec.keyPrefix ?? DEFAULT_PREFIX,
    tls: typeof tls === 'object' ? tlsOf(tls, root) : tls === true ? {} : undefined,
    timeoutMs: durationMs(spec.timeout ?? DEFAULT_TIMEOUT),
  };
}

function tlsOf(spec: Exclude<NonNullable<RedisSpec['tls']>, boolean>, root: string): RedisTls {
  const pem = (path: string | undefined): string | undefined => {
    if (path === undefined) return undefined;
    try {
      return readFileSync(resolve(root, path), 'utf8');
    } catch (cause) {
      throw new MlopsError('ST123', {
        detail: `The file ${path} under online.redis.tls cannot be read: ${(cause as Error).message}.`,
        hint: 'name a PEM file, relative to the project',
        cause,
      });
    }
  };
  return { ca: pem(spec.ca), cert: pem(spec.cert), key: pem(spec.key), serverName: spec.serverName };
}
