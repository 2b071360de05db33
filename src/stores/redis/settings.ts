/** Where Redis is and how to speak to it, with every secret resolved: never log it. */
import { MlopsError } from '../../lib/error.ts';

export interface RedisSettings {
  readonly server:
    | { readonly kind: 'single'; readonly url: string }
    | {
        readonly kind: 'sentinel';
        /** The name that the sentinels know the master by. */
        readonly name: string;
        /** `host:port` each; one text may hold several, separated by commas. */
        readonly nodes: readonly string[];
        readonly username?: string | undefined;
        readonly password?: string | undefined;
      }
    | { readonly kind: 'cluster'; readonly nodes: readonly string[] };
  readonly username?: string | undefined;
  readonly password?: string | undefined;
  readonly db?: number | undefined;
  readonly keyPrefix: string;
  /** Undefined: as the URL says (`rediss:`), else without. */
  readonly tls?: RedisTls | undefined;
  /** How long one call may take, from connecting to the answer. */
  readonly timeoutMs: number;
}

/** PEM texts. */
export interface RedisTls {
  readonly ca?: string | undefined;
  readonly cert?: string | undefined;
  readonly key?: string | undefined;
  readonly serverName?: string | undefined;
}

export interface RedisAddress {
  readonly host: string;
  readonly port: number;
}

export interface ReadUrl extends RedisAddress {
  readonly username: string | undefined;
  readonly password: string | undefined;
  readonly db: number | undefined;
  readonly tls: boolean;
}

const REDIS_PORT = 6379;
const SENTINEL_PORT = 26_379;

/** ST123 where it is none; the text itself, which may hold a password, is in no message. */
export function readUrl(text: string): ReadUrl {
  let url: URL | undefined;
  try {
    url = new URL(text);
  } catch {
    // told below
  }
  const db = /^\/?(\d*)$/.exec(url?.pathname ?? '')?.[1];
  if (
    url === undefined ||
    (url.protocol !== 'redis:' && url.protocol !== 'rediss:') ||
    url.hostname === '' ||
    db === undefined
  )
    throw unusable(
      'The URL of Redis is none like redis://user:password@host:6379/0.',
      'rediss:// speaks TLS; write special characters of a password as %40 and the like',
    );
  return {
    host: url.hostname.replace(/^\[|\]$/g, ''),
    port: url.port === '' ? REDIS_PORT : Number(url.port),
    username: url.username === '' ? undefined : plain(url.username),
    password: url.password === '' ? undefined : plain(url.password),
    db: db === '' ? undefined : Number(db),
    tls: url.protocol === 'rediss:',
  };
}

export function readNodes(texts: readonly string[], of: 'sentinel' | 'cluster'): readonly RedisAddress[] {
  const port = of === 'sentinel' ? SENTINEL_PORT : REDIS_PORT;
  return texts
    .flatMap((text) => text.split(','))
    .map((text) => {
      const match = /^(?:\[([0-9A-Fa-f:.]+)\]|([^\s:/@]+))(?::(\d{1,5}))?$/.exec(text.trim());
      const host = match?.[1] ?? match?.[2];
      if (host === undefined)
        throw unusable(`A node of the ${of} is not like host:${port}.`, 'user and password are settings of their own');
      return { host, port: match?.[3] === undefined ? port : Number(match[3]) };
    });
}

function plain(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    throw unusable('The user or the password in the URL of Redis is not percent-encoded.', 'write % as %25');
  }
}

function unusable(detail: string, hint: string): MlopsError {
  return new MlopsError('ST123', { detail, hint });
}
