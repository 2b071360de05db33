/**
 * What Redis or the way to it answers, told with a code. An error of the client carries the command and with it passwords
 * and values: none of it goes on, also not as a cause.
 */
import { MlopsError } from '../../lib/error.ts';

export interface Telling {
  /** `127.0.0.1:6379`, without user and password. */
  readonly where: string;
  /** Texts that no message may hold. */
  readonly secrets: readonly string[];
}

type Code = 'ST120' | 'ST121' | 'ST122' | 'ST124';

/** By the first word of Redis's answer. */
const ANSWERS: Readonly<Record<string, readonly [code: Code, what: string, hint?: string]>> = {
  WRONGPASS: ['ST121', 'refuses the user or the password'],
  NOAUTH: ['ST121', 'asks for a password', 'set `password`, or put it into the URL'],
  NOPERM: [
    'ST121',
    'does not let this user do it',
    'give the ACL user the commands of docs/features.md on the keys of the prefix',
  ],
  OOM: ['ST122', 'is full', 'raise maxmemory; records are kept until their set is dropped'],
  READONLY: ['ST122', 'is a replica, which takes no writes', 'name the master, or the sentinels that know it'],
  MISCONF: ['ST122', 'cannot save to its disk and takes no writes', 'look at its log and its disk'],
  NOREPLICAS: ['ST122', 'misses replicas and takes no writes'],
  LOADING: ['ST120', 'is loading its data'],
  MASTERDOWN: ['ST120', 'has lost its master'],
  CLUSTERDOWN: ['ST120', 'is a cluster that is down'],
  TRYAGAIN: ['ST120', 'is a cluster that moves its slots'],
  MOVED: [
    'ST120',
    'is a cluster that moves its slots',
    'where `url` names a node of a cluster, write `cluster: { nodes: [...] }`',
  ],
  ASK: ['ST120', 'is a cluster that moves its slots'],
};

export function toldByRedis(error: unknown, telling: Telling): MlopsError {
  if (error instanceof MlopsError) return error;
  const text = messageOf(error, telling.secrets);
  const found = ANSWERS[/^[A-Z]+/.exec(text)?.[0] ?? ''];
  if (found !== undefined) {
    const [code, what, hint] = found;
    return new MlopsError(code, {
      detail: `Redis at ${telling.where} ${what}: ${sentence(text)}`,
      hint,
      retryable: code === 'ST120' || code === 'ST122',
    });
  }
  if (error instanceof Error && error.name === 'ReplyError')
    return new MlopsError('ST124', { detail: `Redis at ${telling.where} answers: ${sentence(text)}` });
  return unreachable(telling, text);
}

export function unreachable(telling: Telling, reason: string): MlopsError {
  return new MlopsError('ST120', {
    detail: `Redis at ${telling.where} does not answer: ${sentence(reason)}`,
    hint: 'see that it runs and can be reached from here; nothing has to be restarted when it is back',
    retryable: true,
  });
}

/** The error's own message, without what could be secret in it. */
export function messageOf(error: unknown, secrets: readonly string[]): string {
  const first = (error instanceof AggregateError ? error.errors[0] : error) as unknown;
  const message = first instanceof Error ? first.message || first.name : String(first);
  const own = message.replace(/,? with args beginning with.*$/s, '').replace(/\.? script: .*$/s, '');
  return secrets.reduce((text, secret) => (secret === '' ? text : text.replaceAll(secret, '***')), own);
}

const sentence = (text: string): string => (/[.!?]$/.test(text) ? text : `${text}.`);
