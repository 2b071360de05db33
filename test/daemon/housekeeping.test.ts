import { expect, it } from 'vitest';
import type { OpenEnvironment } from '../../src/compose.ts';
import { startHousekeeping } from '../../src/daemon/housekeeping.ts';
import type { Features } from '../../src/features/create-features.ts';
import { eventually } from '../support/eventually.ts';

function rig(sweep: (round: number, signal: AbortSignal) => ReturnType<Features['sweepSnapshots']>) {
  const told: string[] = [];
  let rounds = 0;
  const features = { sweepSnapshots: (_: unknown, call: { signal: AbortSignal }) => sweep(++rounds, call.signal) };
  const environment = { features: async () => features } as unknown as Pick<OpenEnvironment, 'features'>;
  const log = {
    info: (message: string, fields = {}) => told.push(`${message} ${JSON.stringify(fields)}`),
    warn: (message: string, fields = {}) => told.push(`warn ${message} ${JSON.stringify(fields)}`),
    error: () => {},
  };
  return { told, rounds: () => rounds, housekeeping: startHousekeeping(environment, log, 5) };
}
const snapshot = { source: 's', digest: 'd', location: 'l', rows: 1, bytes: 2048, since: new Date(0) };

it('deletes what nothing needs at once and again and again, tells what went, and goes on after a failure', async () => {
  const { told, rounds, housekeeping } = rig(async (round) => {
    if (round === 2) throw new Error('the store is away');
    return round === 1 ? [snapshot, snapshot] : [];
  });
  await eventually(() => expect(rounds()).toBeGreaterThan(3));
  await housekeeping.stop();
  const last = rounds();
  expect(told).toEqual([
    'deleted 2 snapshots of sources that nothing needed any more {"size":"4.0 KiB"}',
    'warn deleting snapshots {"reason":"the store is away"}',
  ]);
  await new Promise((resolve) => setImmediate(resolve));
  expect(rounds()).toBe(last);
});

it('ends what is under way when the daemon stops, without a word', async () => {
  const { told, rounds, housekeeping } = rig(
    (_, signal) =>
      new Promise((_resolve, reject) => {
        signal.addEventListener('abort', () => reject(signal.reason));
      }),
  );
  await eventually(() => expect(rounds()).toBe(1));
  await housekeeping.stop();
  expect(told).toEqual([]);
});
