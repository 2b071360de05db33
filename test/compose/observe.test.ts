/** A look at the stores ends in time, whatever a store does; and what it reads becomes drift in one order. */
import { type AddressInfo, createServer, type Server } from 'node:net';
import { afterEach, describe, expect, it } from 'vitest';
import { observe } from '../../src/compose/observe.ts';
import { driftOf } from '../../src/plan/drift.ts';
import { createRefreshPlan } from '../../src/plan/refresh-plan.ts';
import type { ObservedTable } from '../../src/stores/control/observed.ts';
import { openDatabase } from '../../src/stores/postgres/database.ts';
import { inspectControl } from '../../src/stores/postgres/inspect.ts';
import { freshDatabase } from '../support/postgres.ts';

const { signal } = new AbortController();
const never = (): Promise<never> => new Promise(() => {});
const empty = { lineage: null, serial: 0, resources: [] };
const look = {
  root: '/nowhere',
  inspectControl: async () => [],
  readState: async () => empty,
  featureState: async () => undefined,
  registry: async () => undefined,
  offline: async () => ({ inspect: async () => [] }) as never,
  online: async () => ({ inspect: async () => undefined }) as never,
  artifacts: never,
  signal,
};

describe('a look at the stores', () => {
  let server: Server | undefined;
  afterEach(() => server?.close());

  it('goes on where one never answers, and says which', async () => {
    const { observed } = await observe({ ...look, answersWithinMs: 100 });
    expect(observed.artifacts).toEqual({ problem: 'The artifact store did not answer within 0.1 s.' });
    expect(driftOf(observed)).toMatchObject([{ address: 'store.artifacts', code: 'ST217', severity: 'error' }]);
  });

  it('ends where nothing answers at all', async () => {
    const all = { ...look, inspectControl: never, readState: never, answersWithinMs: 50 };
    const { state, observed } = await observe(all);
    const plan = createRefreshPlan({ project: 'p', environment: 'e', state, observed, gitCommit: null });
    expect(plan.drift.map(({ address }) => address)).toEqual([
      'store.artifacts',
      'store.control',
      'store.offline',
      'store.online',
      'store.registry',
      'store.sources',
    ]);
    expect(plan).toMatchObject({ mode: 'refresh', applyable: false, errored: false, changes: [] });
  });

  it('is stopped by whoever asked for it', async () => {
    await expect(observe({ ...look, signal: AbortSignal.abort(new Error('stopped')) })).rejects.toThrow('stopped');
  });

  it('a server that takes connections and says nothing is told in time', async () => {
    const silent = createServer((socket) => socket.on('error', () => {}));
    server = silent;
    await new Promise<void>((resolve) => silent.listen(0, '127.0.0.1', resolve));
    const { port } = silent.address() as AddressInfo;
    const db = openDatabase({ connectionString: `postgres://u:p@127.0.0.1:${port}/x`, answersWithinMs: 200 });
    await expect(inspectControl(db)).rejects.toMatchObject({ code: 'ST101' });
    await db.close();
  }, 20_000);

  it('a table that somebody holds is waited for, but not for ever', async () => {
    const fresh = await freshDatabase();
    const holder = openDatabase({ connectionString: fresh.connectionString, max: 1 });
    const db = openDatabase({ connectionString: fresh.connectionString, max: 1, answersWithinMs: 300 });
    try {
      await holder.transaction(async (tx) => {
        await tx.query('lock table mlops.migrations in access exclusive mode');
        const { observed } = await observe({
          ...look,
          artifacts: async () => ({}) as never,
          inspectControl: () => inspectControl(db),
        });
        expect(driftOf(observed)).toMatchObject([
          { address: 'store.control', code: 'ST217', detail: expect.stringContaining('statement timeout') },
        ]);
      });
      expect(await inspectControl(db)).toEqual([]);
    } finally {
      await db.close();
      await holder.close();
      await fresh.drop();
    }
  });
});

it('many wrong files of a set are one drift with how many and how many rows', () => {
  const part = (n: number, is: ObservedTable['is']): ObservedTable => ({
    of: { set: 'labs', version: 2, pushed: true },
    location: `p${n}`,
    rows: 1000,
    columns: [{ name: 'x', type: '' }],
    is,
    readBy: ['labs'],
  });
  const nothing = { found: [] };
  const drift = driftOf({
    control: nothing,
    online: nothing,
    artifacts: nothing,
    registry: nothing,
    sources: nothing,
    offline: {
      found: [
        ...Array.from({ length: 5 }, (_, n) => part(n, { state: 'missing' })),
        part(5, { state: 'whole', rows: 999, columns: [{ name: 'x', type: 'DOUBLE' }] }),
        part(6, { state: 'whole', rows: 1000, columns: [{ name: 'y', type: 'DOUBLE' }] }),
        part(7, { state: 'whole', rows: 1000, columns: [{ name: 'x', type: 'DOUBLE' }] }),
      ],
    },
  });
  expect(drift.map(({ code, detail }) => `${code} ${detail}`)).toEqual([
    'ST207 5 parts of version 2, with 5,000 rows, are missing in the offline store (p0, p1, p2 and 2 more).',
    'ST208 2 parts of version 2, with 2,000 rows, are not as recorded in the offline store (p5: 999 rows, 1000 are recorded, p6: x is gone, y is new).',
  ]);
  expect(drift[0]?.fix).toContain('rows that came by push are not computed again');
});
