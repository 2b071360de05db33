/**
 * A process that materializes a set and ends itself with SIGKILL at the nth boundary: before or after a part is
 * committed, an online write, the progress, the completion, and a snapshot is recorded. Started by tests. argv: a JSON file of Order. Prints the report.
 * committed, an online write, the progress, the completion, and each step of a retirement. Started by tests. argv: a JSON file of Order. Prints the report.
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
  featureState: (real) => ({
    ...real,
    addSnapshot: (snapshot) => around(() => real.addSnapshot(snapshot)),
    retire: (...version) => around(() => real.retire(...version)),
    swept: (...version) => around(() => real.swept(...version)),
    materializing: (set, version, signal, body) =>
      real.materializing(set, version, signal, (claim) =>
        body({
          ...claim,
          commitPart: (part, through) => around(() => claim.commitPart(part, through)),
          complete: (inputs) => around(() => claim.complete(inputs)),
        }),
      ),
  }),
});
if (order.ingest !== undefined) await store.features.ingest(order.ingest, store.call);
const report = await store.features.materialize(order.set, store.call);
process.stdout.write(`${JSON.stringify({ report, boundaries })}\n`);
await store.close();
