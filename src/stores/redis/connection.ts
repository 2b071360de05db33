/**
 * One client for the process, made when it is first needed and kept: it reconnects for as long as it is open.
 *
 * A call waits at most `timeoutMs`: for the connection and for the answer together. While Redis is away for longer than
 * that, calls fail at once, and none is queued. What was under way when the connection broke is sent once more where there
 * is time left: every command here may run twice.
 */
import type { Cluster } from 'ioredis';
import type { MlopsError } from '../../lib/error.ts';
import { blueprint, type Client } from './client.ts';
import { messageOf, toldByRedis, unreachable } from './errors.ts';
import type { RedisSettings } from './settings.ts';

export interface RedisConnection {
  readonly isCluster: boolean;
  /** Without user and password. */
  readonly where: string;
  /** Changes whenever a connection was made or lost: what an answer promised before may not hold any more. */
  epoch(): number;
  /** Throws ST120 to ST124. */
  run<T>(body: (client: Client) => Promise<T>): Promise<T>;
  close(): Promise<void>;
}

export function connectRedis(settings: RedisSettings): RedisConnection {
  const made = blueprint(settings);
  const { timeoutMs } = settings;
  let opening: Promise<Client> | undefined;
  let client: Client | undefined;
  let isClosed = false;
  let lastError: string | undefined;
  let refused: MlopsError | undefined;
  /** Since when there is no connection; undefined while there is one. */
  let awaySince: number | undefined;
  let becomingReady: Promise<void> | undefined;
  let epoch = 0;

  async function open(): Promise<Client> {
    const opened = made.create(await import('ioredis'));
    awaySince = performance.now();
    opened.on('ready', () => {
      epoch += 1;
      awaySince = undefined;
      lastError = undefined;
      refused = undefined;
    });
    opened.on('close', () => {
      awaySince ??= performance.now();
    });
    const onError = (error: unknown): void => {
      lastError = messageOf(error, made.telling.secrets);
      const told = toldByRedis(error, made.telling);
      if (told.code === 'ST121') refused = told;
    };
    opened.on('error', onError);
    opened.on('node error', onError);
    opened.on('sentinelError', onError);
    opened.on('-node', () => {
      epoch += 1;
    });
    client = opened;
    return opened;
  }

  async function ready(until: number): Promise<Client> {
    opening ??= open();
    const opened = await opening;
    if (isClosed) throw unreachable(made.telling, 'it was closed here');
    while (opened.status !== 'ready') {
      if (refused !== undefined) throw refused;
      const now = performance.now();
      const patience = Math.min(until, (awaySince ?? now) + timeoutMs) - now;
      if (patience <= 0) throw unreachable(made.telling, reasonOf(opened));
      await Promise.race([whenReady(opened), pause(patience)]);
    }
    return opened;
  }

  function reasonOf(opened: Client): string {
    if (opened.status === 'connect') return 'it is there, and not ready: it loads its data or hangs';
    return lastError ?? `no connection within ${timeoutMs} ms`;
  }

  /** The next change of the connection's state that somebody who waits should look at. One listener for all who wait. */
  function whenReady(opened: Client): Promise<void> {
    becomingReady ??= new Promise<void>((resolve) => {
      const done = (): void => {
        becomingReady = undefined;
        for (const event of ['ready', 'error', 'end'] as const) opened.off(event, done);
        resolve();
      };
      for (const event of ['ready', 'error', 'end'] as const) opened.on(event, done);
    });
    return becomingReady;
  }

  /** Not an async function: reads come by the thousand, and each promise on their way costs. */
  function attempt<T>(body: (client: Client) => Promise<T>, until: number): Promise<T> {
    const live = client;
    if (live?.status !== 'ready') return ready(until).then((opened) => inTime(body(opened), until));
    try {
      return inTime(body(live), until);
    } catch (error) {
      return Promise.reject(error);
    }
  }

  function inTime<T>(answer: Promise<T>, until: number): Promise<T> {
    return new Promise<T>((resolve, reject) => {
      const timer = setTimeout(
        () => reject(unreachable(made.telling, `no answer within ${timeoutMs} ms`)),
        until - performance.now(),
      );
      answer.then(
        (value) => {
          clearTimeout(timer);
          resolve(value);
        },
        (reason: unknown) => {
          clearTimeout(timer);
          reject(reason);
        },
      );
    });
  }

  async function again<T>(error: unknown, body: (client: Client) => Promise<T>, until: number): Promise<T> {
    if (!isLostConnection(error) || performance.now() >= until) throw toldByRedis(error, made.telling);
    await newMap(until);
    try {
      return await attempt(body, until);
    } catch (cause) {
      throw toldByRedis(cause, made.telling);
    }
  }

  /** A pipeline goes by the map of the slots; where it was old, the next one takes the new map. */
  async function newMap(until: number): Promise<void> {
    if (client?.isCluster !== true) return;
    const cluster = client as Cluster;
    await Promise.race([
      new Promise<void>((resolve) => cluster.refreshSlotsCache(() => resolve())),
      pause(until - performance.now()),
    ]);
  }

  return {
    isCluster: made.isCluster,
    where: made.telling.where,
    epoch: () => epoch,
    run: (body) => {
      const until = performance.now() + timeoutMs;
      return attempt(body, until).catch((error: unknown) => again(error, body, until));
    },
    close: async () => {
      isClosed = true;
      const opened = await opening?.catch(() => undefined);
      if (opened === undefined) return;
      // Between two attempts there is nothing that ends.
      if (opened.status !== 'ready' && opened.status !== 'connect') return opened.disconnect();
      const ended = new Promise<void>((resolve) => opened.once('end', () => resolve()));
      opened.disconnect();
      await Promise.race([ended, pause(timeoutMs)]);
    },
  };
}

/** Broken under way, or not there yet: as opposed to an answer of Redis or to none in time. */
function isLostConnection(error: unknown): boolean {
  return error instanceof Error && error.name !== 'ReplyError' && error.name !== 'MlopsError';
}

const pause = (ms: number): Promise<void> =>
  new Promise((resolve) => {
    setTimeout(resolve, ms).unref();
  });
