/**
 * A process that materializes a set, or releases its quarantine, and ends itself with SIGKILL at the nth boundary: before or after a
 * snapshot is recorded, a part is committed, an online write, the progress, the completion, statistics, a push, and each step of a
 * retirement. Started by tests. argv: a JSON file of Order. Prints the report.
 */
import { readFileSync } from 'node:fs';
import type { OnlineStore } from '../../src/stores/online.ts';
import { openFeatureStore, type Specs } from './features.ts';

export interface Order {
  readonly root: string;
  readonly connectionString: string;
  readonly scope: string;
  readonly specs: Specs;
  readonly set: string;
  /** A source to ingest before. */
  readonly ingest?: string;
  readonly chunkRows: number;
  /** Releases what is in quarantine instead. */
  readonly release?: boolean;
  /** Dies when it comes to the boundary of this number, from 0; -1: never. */
  readonly dieAt: number;
}

const order = JSON.parse(readFileSync(process.argv[2] ?? '', 'utf8')) as Order;
let boundaries = 0;

function boundary(): void {
  if (boundaries === order.dieAt) process.kill(process.pid, 'SIGKILL');
  boundaries += 1;
}

async function around<T>(effect: () => Promise<T>): Promise<T> {
  boundary();
  const value = await effect();
  boundary();
  return value;
}

const dying = (online: OnlineStore): OnlineStore => ({
  ...online,
  write: (table, records) => around(() => online.write(table, records)),
  setProgress: (table, progress) => around(() => online.setProgress(table, progress)),
  drop: (table) => around(() => online.drop(table)),
});

const store = await openFeatureStore({
  ...order,
  specs: () => order.specs,
  online: dying,
  quality: (real) => ({
    ...real,
    addStatistics: (statistics) => around(() => real.addStatistics(statistics)),
    letGo: (ids) => around(() => real.letGo(ids)),
  }),
  featureState: (real) => ({
    ...real,
    addSnapshot: (snapshot) => around(() => real.addSnapshot(snapshot)),
    retire: (...version) => around(() => real.retire(...version)),
    push: (...push) => around(() => real.push(...push)),
    swept: (...version) => around(() => real.swept(...version)),
    materializing: (set, version, signal, body) =>
      real.materializing(set, version, signal, (claim) =>
        body({
          ...claim,
          commitPart: (part, through) => around(() => claim.commitPart(part, through)),
          complete: (...done) => around(() => claim.complete(...done)),
        }),
      ),
  }),
});
if (order.ingest !== undefined) await store.features.ingest(order.ingest, store.call);
const report =
  order.release === true
    ? { released: await store.features.quarantine.release(order.set) }
    : await store.features.materialize(order.set, store.call);
process.stdout.write(`${JSON.stringify({ report, boundaries })}\n`);
await store.close();
