/** The main thread's end of the lease keeper. */
import { once } from 'node:events';
import { MlopsError } from '../../../lib/error.ts';
import { startThread } from '../../../lib/thread.ts';
import type { LeaseKeeper, LeaseRef, WorkerIdentity } from '../../control/runs.ts';
import type { FromKeeper, KeeperData, ToKeeper } from './lease-keeper-thread.ts';

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
  const tracked = new Map<string, LeaseRef>();
  const keyOf = (lease: LeaseRef): string => `${lease.runId} ${lease.task} ${lease.attempt}`;
  const lose = (lease: LeaseRef): void => {
    tracked.delete(keyOf(lease));
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
      else lose(message.lease);
    });
    thread.on('error', (error) => fail(error.message, error));
    thread.on('exit', () => {
      over = true;
      fail('its thread ended');
      // Without the thread nothing is renewed: whatever is held counts as lost.
      if (!stopping) for (const lease of [...tracked.values()]) lose(lease);
    });
  });
  thread.unref();
  return {
    track: (lease, processGroup) => {
      const ref = { runId: lease.runId, task: lease.task, attempt: lease.attempt };
      tracked.set(keyOf(ref), ref);
      post({ type: 'track', lease: ref, processGroup });
    },
    untrack: (lease) => {
      const ref = { runId: lease.runId, task: lease.task, attempt: lease.attempt };
      tracked.delete(keyOf(ref));
      post({ type: 'untrack', lease: ref });
    },
    onLost: (listener) => {
      listeners.add(listener);
    },
    ended: () => over,
    stop: async () => {
      if (stopping) return;
      stopping = true;
      thread.ref();
      post({ type: 'stop' });
      await exited;
    },
  };
}
