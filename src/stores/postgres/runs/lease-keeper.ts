/** The main thread's end of the lease keeper. */
import { once } from 'node:events';
import { MlopsError } from '../../../lib/error.ts';
import { startThread } from '../../../lib/thread.ts';
import type { LeaseKeeper, LeaseRef, WorkerIdentity } from '../../control/runs.ts';
import type { KeeperData } from './lease-keeper-thread.ts';
import { type FromKeeper, keyOf, leaseOf, type ToKeeper } from './lease-keeper-words.ts';

/** Nothing beside the length of a lease. */
const TELL_AFTER_MS = 50;

export interface KeeperOptions {
  readonly connectionString: string;
  readonly scopeId: number;
  readonly worker: WorkerIdentity;
  readonly leaseSeconds: number;
}

export async function keepLeases(options: KeeperOptions): Promise<LeaseKeeper> {
  const { leaseSeconds } = options;
  const data: KeeperData = {
    connectionString: options.connectionString,
    scopeId: options.scopeId,
    worker: options.worker,
    leaseSeconds,
    renewEveryMs: (leaseSeconds * 1000) / 6,
  };
  const thread = startThread(import.meta.url, 'lease-keeper-thread', {
    workerData: data,
    resourceLimits: { maxOldGenerationSizeMb: 64 },
  });
  const listeners = new Set<(lease: LeaseRef) => void>();
  let stopping = false;
  let over = false;
  const exited = once(thread, 'exit');
  const post = (message: ToKeeper): void => thread.postMessage(message);
  // Leases come in batches, and go in batches. One that came is told before anything of its task runs: that may block this
  // thread for as long as it likes. That one went may be told a little later.
  let came: string[] = [];
  let groups: [string, number | null][] = [];
  let went: string[] = [];
  let telling: NodeJS.Timeout | undefined;
  const tell = (): void => {
    clearTimeout(telling);
    telling = undefined;
    if (came.length > 0 || went.length > 0) post({ type: 'change', track: came, groups, untrack: went });
    came = [];
    groups = [];
    went = [];
  };
  const tracked = new Set<string>();
  const lose = (key: string): void => {
    tracked.delete(key);
    const lease = leaseOf(key);
    for (const listener of listeners) listener(lease);
  };
  await new Promise<void>((resolve, reject) => {
    const fail = (detail: string, cause?: unknown): void => {
      reject(
        new MlopsError('ST101', { detail: `The worker cannot keep its leases: ${detail}`, retryable: true, cause }),
      );
    };
    thread.on('message', (message: FromKeeper) => {
      if (message.type === 'ready') resolve();
      else if (message.type === 'failed') fail(message.message);
      else lose(message.key);
    });
    thread.on('error', (error) => fail(error.message, error));
    thread.on('exit', () => {
      over = true;
      fail('its thread ended');
      // Without the thread nothing is renewed: whatever is held counts as lost.
      if (!stopping) for (const key of [...tracked]) lose(key);
    });
  });
  thread.unref();
  return {
    track: (lease, processGroup) => {
      const key = keyOf(lease);
      if (came.length === 0) queueMicrotask(tell);
      // What is told anew has or had a group: the others are told once.
      if (tracked.has(key) || processGroup !== null) groups.push([key, processGroup]);
      tracked.add(key);
      came.push(key);
    },
    untrack: (lease) => {
      const key = keyOf(lease);
      tracked.delete(key);
      went.push(key);
      telling ??= setTimeout(tell, TELL_AFTER_MS).unref();
    },
    onLost: (listener) => {
      listeners.add(listener);
    },
    ended: () => over,
    stop: async () => {
      if (stopping) return;
      stopping = true;
      thread.ref();
      tell();
      post({ type: 'stop' });
      await exited;
    },
  };
}
