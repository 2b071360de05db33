/**
 * Moves logged predictions to the offline store, and deletes those there that an endpoint keeps no longer in the control store. Exactly once: a
 * table is written first, then recorded in the transaction that ends the waiting of its rows. What is killed between leaves a table that nobody
 * knows; its rows still wait. Memory holds a block.
 */
import { createWriteStream } from 'node:fs';
import { mkdtemp, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { basename, dirname, join } from 'node:path';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { durationMs } from '../lib/units.ts';
import type { Dtype } from '../spec/schema-types.ts';
import type { Catalog } from '../stores/control/catalog.ts';
import type { PredictionMoveStore, WaitingBlocks } from '../stores/control/prediction-moves.ts';
import type { OfflineStore } from '../stores/offline.ts';
import type { Snapshot } from '../stores/offline-snapshots.ts';
import { OUTCOME_TYPES, outcomeLine, PREDICTION_TYPES, predictionLine } from './prediction-table.ts';

export interface MoveParts {
  readonly store: PredictionMoveStore;
  readonly offline: Pick<OfflineStore, 'snapshot' | 'removeSnapshots'>;
  readonly catalog: Pick<Catalog, 'list'>;
}

export interface MoveLimits {
  /** Rows that have waited for so long move. Default an hour. */
  readonly waitedMs?: number;
  /** So many move whether they have waited or not, and so many at once. Default 100,000. */
  readonly rows?: number;
}

export interface MoveReport {
  readonly moved: number;
  readonly tables: number;
  /** Deleted from the control store. */
  readonly pruned: number;
}

const WAITED_MS = 60 * 60 * 1_000;
const ROWS = 100_000;

export async function movePredictions(
  parts: MoveParts,
  signal: AbortSignal,
  { waitedMs = WAITED_MS, rows = ROWS }: MoveLimits = {},
): Promise<MoveReport> {
  let [moved, tables, pruned] = [0, 0, 0];
  for (const blocks of await parts.store.due({ waitedMs, rows })) {
    signal.throwIfAborted();
    if (!(await move(parts, blocks, signal))) continue;
    moved += blocks.rows;
    tables += 1;
  }
  for (const { name, spec } of parts.catalog.list('endpoint'))
    if (spec.log?.keep !== undefined) pruned += await parts.store.prune(name, durationMs(spec.log.keep));
  return { moved, tables, pruned };
}

async function move({ store, offline }: MoveParts, blocks: WaitingBlocks, signal: AbortSignal): Promise<boolean> {
  const name = `predictions~${blocks.endpoint}~${blocks.day}`;
  const table = await asTable(offline, name, linesOf(store, blocks.ids), PREDICTION_TYPES, signal);
  if (table === undefined) return false;
  if (await store.moved(blocks, table)) return true;
  // Who was faster may have written the same rows, which are the same table then.
  const { parts } = await store.parts(blocks.endpoint);
  if (!parts.some(({ location }) => location === table.location)) await offline.removeSnapshots([table.location], []);
  return false;
}

async function* linesOf(store: PredictionMoveStore, ids: readonly string[]): AsyncGenerator<string> {
  for await (const rows of store.rows(ids)) yield rows.map(predictionLine).join('');
}

/**
 * All predictions of an endpoint with what they turned out to be, wherever they are now, as a table of the offline store under the name of `source`.
 * Undefined where it would be the one with `lastDigest`.
 */
export async function predictionsAsTable(
  { store, offline }: Pick<MoveParts, 'store' | 'offline'>,
  request: { readonly source: string; readonly endpoint: string; readonly lastDigest: string | null },
  signal: AbortSignal,
): Promise<Snapshot | undefined> {
  const { source, endpoint, lastDigest } = request;
  const { parts, waiting } = await store.parts(endpoint);
  const name = `predictions~${endpoint}`;
  const made: string[] = [];
  const keep = parts.map(({ location }) => location);
  try {
    const tail = await asTable(offline, `${name}~waiting`, linesOf(store, waiting), PREDICTION_TYPES, signal);
    if (tail !== undefined) made.push(tail.location);
    const outcomes = await asTable(offline, `${name}~outcomes`, outcomesOf(store, endpoint), OUTCOME_TYPES, signal);
    if (outcomes !== undefined) made.push(outcomes.location);
    const tables = [...keep, ...(tail === undefined ? [] : [tail.location])];
    const inputs = Object.fromEntries(tables.map((location, at) => [`part_${at}`, location]));
    const columns = Object.keys(PREDICTION_TYPES).map((column) => `p."${column}"`);
    const query = `select ${columns.join(', ')}, o.outcome, o.outcome_at, o.outcome_recorded_at
from (${allOf(PREDICTION_TYPES, Object.keys(inputs))}) p
left join (${allOf(OUTCOME_TYPES, outcomes === undefined ? [] : ['outcomes'])}) o on o.request_id = p.request_id and o."row" = p."row"
order by p."at", p.prediction_id`;
    return await offline.snapshot(
      {
        source: { name: source, query },
        root: '',
        inputs: { ...inputs, ...(outcomes !== undefined && { outcomes: outcomes.location }) },
        lastDigest,
      },
      signal,
    );
  } finally {
    await offline.removeSnapshots(made, keep);
  }
}

async function* outcomesOf(store: PredictionMoveStore, endpoint: string): AsyncGenerator<string> {
  for await (const told of store.outcomes(endpoint)) yield told.map(outcomeLine).join('');
}

const SQL_TYPES = { string: 'varchar', int64: 'bigint', float64: 'double precision', timestamp: 'timestamp' } as const;

/** The rows of some tables of the same columns; of none, none. */
function allOf(types: Readonly<Record<string, keyof typeof SQL_TYPES>>, tables: readonly string[]): string {
  const none = Object.entries(types).map(([name, dtype]) => `cast(null as ${SQL_TYPES[dtype]}) as "${name}"`);
  const names = Object.keys(types).map((name) => `"${name}"`);
  return [
    `select ${none.join(', ')} where 1 = 0`,
    ...tables.map((table) => `select ${names.join(', ')} from ${table}`),
  ].join(' union all ');
}

/** Undefined where there is no line: a file without one has no columns. */
async function asTable(
  offline: Pick<OfflineStore, 'snapshot'>,
  name: string,
  lines: AsyncIterable<string>,
  types: Readonly<Record<string, Dtype>>,
  signal: AbortSignal,
): Promise<Snapshot | undefined> {
  const folder = await mkdtemp(join(tmpdir(), 'mlops-predictions-'));
  const path = join(folder, 'rows.jsonl');
  try {
    await pipeline(Readable.from(lines), createWriteStream(path), { signal });
    if ((await stat(path)).size === 0) return undefined;
    const made = await offline.snapshot(
      {
        source: { name, file: basename(path), format: 'jsonl', types },
        root: dirname(path),
        inputs: {},
        lastDigest: null,
      },
      signal,
    );
    if (made === undefined) throw new Error('a table that was never written is not the same as before');
    return made;
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}
