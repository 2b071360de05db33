/** The prediction log in Postgres: blocks of rows, told one by one. */
import { MlopsError } from '../../lib/error.ts';
import type { LoggedPrediction, PredictionFilter, PredictionLogStore } from '../control/prediction-log.ts';
import type { Database } from './database.ts';
import { answeredAt, appendBlocks, type Block, blocksNewestFirst } from './predictions/block-store.ts';

const CURSOR = /^(\d{1,18})_([0-9a-f-]{36})$/;

export function postgresPredictionLog(db: Database, scopeId: number): PredictionLogStore {
  return {
    append: async (predictions) => {
      if (predictions.length > 0) await appendBlocks(db, scopeId, predictions);
    },
    list: async (filter) => {
      const { limit, cursor, ...asked } = filter;
      const [, at, id] = cursor === undefined ? [] : (CURSOR.exec(cursor) ?? refuseCursor(cursor));
      const place = at === undefined || id === undefined ? undefined : { at: Number(at), id };
      const names = asked.model === undefined ? undefined : await namesOf(db, scopeId, asked.model);
      const blocks = blocksNewestFirst(db, scopeId, { ...asked, until: place?.at, reads: true });
      const found: Placed[] = [];
      for await (const row of newestFirst(blocks, ({ row }) => isAsked(row, asked, names))) {
        if (place !== undefined && !isBefore(row, place)) continue;
        found.push(row);
        if (found.length > limit) break;
      }
      const items = found.slice(0, limit);
      const last = items.at(-1);
      return {
        items: items.map(({ row }) => row),
        nextCursor: found.length > limit && last !== undefined ? `${last.at}_${last.row.id}` : null,
      };
    },
  };
}

interface Placed {
  /** Microseconds since 1970. */
  readonly at: number;
  readonly row: LoggedPrediction;
}

/** Blocks may overlap: what is not older than the newest row of the next block waits for it. */
async function* newestFirst(
  blocks: AsyncIterable<Block>,
  isWanted: (placed: Placed) => boolean,
): AsyncGenerator<Placed> {
  let held: Placed[] = [];
  for await (const block of blocks) {
    const ready = held.filter(({ at }) => at > block.newest);
    yield* ready;
    held = [...held.slice(ready.length), ...rowsOf(block).filter(isWanted)].sort(byPlace);
  }
  yield* held;
}

function rowsOf(block: Block): readonly Placed[] {
  return block.rows.map((logged) => {
    const { age: _, ...row } = logged;
    const at = answeredAt(block, logged);
    return { at, row: { ...row, endpoint: block.endpoint, at: new Date(Math.floor(at / 1_000)) } };
  });
}

function byPlace(a: Placed, b: Placed): number {
  return b.at - a.at || (a.row.id < b.row.id ? 1 : -1);
}

function isBefore({ at, row }: Placed, place: { readonly at: number; readonly id: string }): boolean {
  return at < place.at || (at === place.at && row.id < place.id);
}

function isAsked(
  row: LoggedPrediction,
  { requestId }: Pick<PredictionFilter, 'requestId'>,
  models: readonly string[] | undefined,
): boolean {
  return (
    (requestId === undefined || row.requestId === requestId) &&
    (models === undefined || (row.model !== null && models.includes(row.model)))
  );
}

async function namesOf(db: Database, scopeId: number, model: string): Promise<readonly string[]> {
  const [row] = await db.query<{ names: string[] }>(`select mlops.names_of($1, 'model', $2) as names`, [
    scopeId,
    model,
  ]);
  return row?.names ?? [model];
}

function refuseCursor(cursor: string): never {
  throw new MlopsError('API400', { detail: `The cursor "${cursor}" is not one that a list answered.` });
}
