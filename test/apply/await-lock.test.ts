import { describe, expect, it } from 'vitest';
import { type AwaitLockInput, awaitLock } from '../../src/apply/await-lock.ts';
import type { LockWait } from '../../src/apply/events.ts';
import { memoryStateStore } from '../support/memory-state-store.ts';

/** A clock that moves by the pauses alone. */
function waiting(during: (pauses: number) => void | Promise<void> = () => {}) {
  let nowMs = 0;
  const pauses: number[] = [];
  const events: LockWait[] = [];
  const tools: Pick<AwaitLockInput, 'clock' | 'pause' | 'onEvent' | 'who' | 'operation'> = {
    who: 'grace@there',
    operation: 'apply',
    clock: { now: () => new Date(nowMs) },
    onEvent: (event) => events.push(event),
    pause: async (ms, signal) => {
      nowMs += ms;
      pauses.push(ms);
      await during(pauses.length);
      signal?.throwIfAborted();
    },
  };
  return { tools, pauses, events };
}

describe('waiting for the lock', () => {
  it('takes a free lock at once', async () => {
    const state = memoryStateStore();
    const { tools, pauses } = waiting();
    const lock = await awaitLock({ state, timeoutMs: 60_000, ...tools });
    expect((await state.lockHolder())?.id).toBe(lock.id);
    expect(pauses).toEqual([]);
  });

  it('asks less and less often until it is given back, and says once whom it waits for', async () => {
    const state = memoryStateStore();
    const held = await state.lock('ann@host', 'apply');
    const { tools, pauses, events } = waiting((count) => {
      if (count === 12) void held.release();
    });
    const lock = await awaitLock({ state, timeoutMs: 60_000, ...tools });
    expect((await state.lockHolder())?.id).toBe(lock.id);
    expect(pauses.slice(0, 3)).toEqual([250, 375, 563]);
    expect(pauses.at(-1)).toBe(5_000);
    expect(events).toEqual([
      expect.objectContaining({ type: 'waiting_for_lock', who: 'ann@host', operation: 'apply', timeoutSeconds: 60 }),
    ]);
  });

  it('says so again when another was quicker', async () => {
    const state = memoryStateStore();
    const first = await state.lock('ann@host', 'apply');
    let second: Awaited<ReturnType<typeof state.lock>> | undefined;
    const { tools, events } = waiting(async (count) => {
      if (count === 1) {
        await first.release();
        second = await state.lock('bob@host', 'destroy');
      }
      if (count === 3) await second?.release();
    });
    await awaitLock({ state, timeoutMs: 60_000, ...tools });
    expect(events.map(({ who, operation }) => `${who} ${operation}`)).toEqual(['ann@host apply', 'bob@host destroy']);
  });

  it('gives up when the time is over, with the holder', async () => {
    const state = memoryStateStore();
    await state.lock('ann@host', 'apply');
    const { tools, pauses } = waiting();
    await expect(awaitLock({ state, timeoutMs: 3_000, ...tools })).rejects.toMatchObject({
      code: 'AP101',
      detail: expect.stringMatching(/ann@host.*not given back within 3 s\.$/),
    });
    expect(pauses.reduce((sum, ms) => sum + ms)).toBe(3_000);
    await expect(awaitLock({ state, timeoutMs: 0, ...tools })).rejects.toMatchObject({ code: 'AP101' });
  });

  it('ends when it is interrupted, and takes nothing', async () => {
    const state = memoryStateStore();
    const held = await state.lock('ann@host', 'apply');
    const abort = new AbortController();
    const { tools } = waiting((count) => {
      if (count === 2) abort.abort(new Error('ctrl-c'));
    });
    await expect(awaitLock({ state, timeoutMs: 60_000, signal: abort.signal, ...tools })).rejects.toMatchObject({
      code: 'AP106',
    });
    expect((await state.lockHolder())?.id).toBe(held.id);
  });

  it('does not wait for what is no lock', async () => {
    const { tools, pauses } = waiting();
    const state = {
      ...memoryStateStore(),
      lock: async (): Promise<never> => {
        throw new Error('broken');
      },
    };
    await expect(awaitLock({ state, timeoutMs: 60_000, ...tools })).rejects.toThrow('broken');
    expect(pauses).toEqual([]);
  });
});
