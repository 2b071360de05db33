/**
 * Who may speak to the HTTP interface. With API keys configured every request needs one (`Authorization: Bearer KEY`, or as a password),
 * except the health probes. Without keys the daemon listens on loopback only, and then a web page in the user's browser
 * is the one to fear: a request whose Host or Origin is not loopback is refused (DNS rebinding, cross-site posts).
 */
import { createHash, timingSafeEqual } from 'node:crypto';
import { MlopsError } from '../lib/error.ts';

export interface Caller {
  /** For the audit log: the key's name, or `http` without keys. */
  readonly who: string;
}

export interface RequestHead {
  readonly authorization?: string | undefined;
  readonly host?: string | undefined;
  readonly origin?: string | undefined;
}

/** `keys`: name to key. Who sends a request; API401 and API403 where it is nobody. */
export function authenticator(keys: ReadonlyMap<string, string>): (head: RequestHead) => Caller {
  if (keys.size === 0) {
    const caller: Caller = { who: 'http' };
    return (head) => {
      refuseStrangers(head);
      return caller;
    };
  }
  const known = [...keys].map(([name, key]) => ({ caller: { who: `key:${name}` }, digest: digestOf(key) }));
  return ({ authorization }) => {
    const offered = keyOf(authorization ?? '');
    const caller = offered === undefined ? undefined : matching(digestOf(offered), known);
    if (caller !== undefined) return caller;
    throw new MlopsError('API401', {
      detail: offered === undefined ? 'The request carries no API key.' : 'The API key is not one of this environment.',
      hint: 'send the header "Authorization: Bearer KEY" with a key of environments.NAME.daemon.apiKeys',
    });
  };
}

/** A bearer token; or the password of basic authentication, under whatever name, for clients that know no other. */
function keyOf(authorization: string): string | undefined {
  const [, scheme, credentials] = /^(Bearer|Basic) +(\S+) *$/i.exec(authorization) ?? [];
  if (credentials === undefined || scheme?.toLowerCase() === 'bearer') return credentials;
  const text = Buffer.from(credentials, 'base64').toString();
  const colon = text.indexOf(':');
  return colon < 0 ? undefined : text.slice(colon + 1);
}

/** Compares with every key, each in constant time, so that the time taken tells nothing. */
function matching(
  digest: Buffer,
  known: readonly { readonly caller: Caller; readonly digest: Buffer }[],
): Caller | undefined {
  let found: Caller | undefined;
  for (const one of known) if (timingSafeEqual(digest, one.digest)) found = one.caller;
  return found;
}

const digestOf = (text: string): Buffer => createHash('sha256').update(text).digest();

/** The last one that was let in: a client sends the same one each time. */
let acquainted: string | undefined;

function refuseStrangers({ host, origin }: RequestHead): void {
  if (origin === undefined && host !== undefined && host === acquainted) return;
  const hostName = host === undefined ? undefined : hostOf(`http://${host}`);
  const originName = origin === undefined || origin === 'null' ? origin : hostOf(origin);
  if (hostName !== undefined && !isLoopback(hostName)) {
    throw new MlopsError('API403', { detail: 'Without API keys only requests to a loopback address are answered.' });
  }
  if (originName !== undefined && !isLoopback(originName)) {
    throw new MlopsError('API403', { detail: 'Without API keys requests of web pages of other origins are refused.' });
  }
  acquainted = host;
}

function hostOf(url: string): string {
  try {
    return new URL(url).hostname.replace(/^\[|\]$/g, '');
  } catch {
    return url;
  }
}

export function isLoopback(host: string): boolean {
  return host === 'localhost' || host.endsWith('.localhost') || host === '::1' || /^127(\.\d{1,3}){3}$/.test(host);
}
