/** Blocks of predictions in Postgres: written in one statement, read in the order of their newest predictions. */
import { setImmediate as nextTurn } from 'node:timers/promises';
import type { NewPrediction } from '../../control/prediction-log.ts';
import type { Queryable } from '../database.ts';
import { sqlFile } from '../sql-file.ts';
import { type BlockRow, decodeBlock, encodeBlock } from './block-bytes.ts';

/** Predictions of one endpoint, in microseconds since 1970. */
export interface Block {
  readonly id: string;
  readonly endpoint: string;
  readonly newest: number;
  readonly oldest: number;
  readonly rows: readonly BlockRow[];
}

/** So that whoever looks for a time need not look at blocks that are more than this newer. */
const MOST_SPAN_MS = 60_000;
const BLOCKS_A_STATEMENT = 200;
/** Whoever looks for a row decodes the rows of its block; and while a block is made, nothing else is done: two or three milliseconds. */
const ROWS_A_BLOCK = 500;

/**
 * In blocks by endpoint and minute, each with the id of its first row: the same rows again make the same blocks, which change nothing.
 * Nothing else is asked of the store for them.
 */
export async function appendBlocks(
  db: Queryable,
  scopeId: number,
  predictions: readonly NewPrediction[],
): Promise<void> {
  const blocks = blocksOf(predictions);
  for (let from = 0; from < blocks.length; from += BLOCKS_A_STATEMENT)
    await insert(db, scopeId, blocks.slice(from, from + BLOCKS_A_STATEMENT));
}

function blocksOf(predictions: readonly NewPrediction[]): readonly (readonly NewPrediction[])[] {
  let youngest = Number.POSITIVE_INFINITY;
  for (const { ageMs } of predictions) if (ageMs < youngest) youngest = ageMs;
  const blocks: NewPrediction[][] = [];
  const open = new Map<string, NewPrediction[]>();
  let endpoint: string | undefined;
  let minute = -1;
  let block: NewPrediction[] = [];
  for (const row of predictions) {
    const its = Math.floor((row.ageMs - youngest) / MOST_SPAN_MS);
    if (row.endpoint !== endpoint || its !== minute || block.length >= ROWS_A_BLOCK) {
      endpoint = row.endpoint;
      minute = its;
      const name = `${minute} ${endpoint}`;
      const known = open.get(name);
      block = known === undefined || known.length >= ROWS_A_BLOCK ? [] : known;
      if (block.length === 0) {
        open.set(name, block);
        blocks.push(block);
      }
    }
    block.push(row);
  }
  return blocks;
}

const PARAMS_A_BLOCK = 9;

async function insert(db: Queryable, scopeId: number, blocks: readonly (readonly NewPrediction[])[]): Promise<void> {
  const values = blocks.map((_, block) => {
    const p = (at: number, type: string): string => `$${block * PARAMS_A_BLOCK + at + 1}::${type}`;
    return `(${p(1, 'uuid')}, ${p(2, 'text')}, ${p(3, 'float8')}, ${p(4, 'float8')}, ${p(5, 'integer')}, ${p(6, 'integer')}, ${p(7, 'text[]')}, ${p(8, 'text[]')}, ${p(9, 'bytea')})`;
  });
  const params: unknown[] = [];
  for (const block of blocks) {
    // Requests are answered between two blocks.
    if (params.length > 0) await nextTurn();
    let newest = Number.POSITIVE_INFINITY;
    let oldest = 0;
    let answers = 0;
    for (const { ageMs, role } of block) {
      if (ageMs < newest) newest = ageMs;
      if (ageMs > oldest) oldest = ageMs;
      if (role === undefined || role === 'answer') answers += 1;
    }
    params.push(
      block[0]!.id,
      block[0]!.endpoint,
      newest,
      oldest - newest,
      block.length,
      answers,
      [...new Set(block.flatMap(({ model }) => model ?? []))],
      [...new Set(block.map(({ requestId }) => hashable(requestId)))],
      encodeBlock(block, newest),
    );
  }
  await db.query(
    sqlFile('prediction-blocks-append').replace('/* blocks */', () => values.join(', ')),
    [scopeId, ...params],
  );
}

/** Postgres' texts cannot hold a NUL. */
export function hashable(requestId: string): string {
  return requestId.includes('\0') ? requestId.replaceAll('\0', '') : requestId;
}

export interface BlockQuery {
  /** Under every name that it had. */
  readonly endpoint?: string | undefined;
  readonly model?: string | undefined;
  readonly requestId?: string | undefined;
  /** Microseconds since 1970. Blocks that may have rows from (inclusive) … */
  readonly since?: number | undefined;
  /** … to (inclusive). */
  readonly until?: number | undefined;
  /** What `reads` says is decoded too. */
  readonly reads: boolean;
}

interface BlockRecord {
  readonly id: string;
  readonly endpoint: string;
  readonly newest: string;
  readonly span: number;
  readonly rows: Buffer;
}

const FIRST_PAGE = 4;
const PAGE = 32;

/** The block with the newest prediction first. Memory holds a page of them. */
export async function* blocksNewestFirst(db: Queryable, scopeId: number, query: BlockQuery): AsyncGenerator<Block> {
  for await (const page of blockPages(db, scopeId, query)) yield* page();
}

/** The same, as many at once as are read at once; what a page gives is decoded one by one. */
export async function* blockPages(
  db: Queryable,
  scopeId: number,
  { endpoint, model, requestId, since, until, reads }: BlockQuery,
): AsyncGenerator<BlockPage> {
  let after: BlockRecord | undefined;
  for (let limit = FIRST_PAGE; ; limit = PAGE) {
    const records: readonly BlockRecord[] = await db.query<BlockRecord & Record<string, unknown>>(
      sqlFile('prediction-blocks-read'),
      [
        scopeId,
        endpoint ?? null,
        model ?? null,
        requestId === undefined ? null : hashable(requestId),
        since ?? null,
        until ?? null,
        after?.newest ?? null,
        after?.id ?? null,
        limit,
      ],
    );
    if (records.length > 0) {
      const blocks = function* (): Generator<Block> {
        for (const record of records) yield decoded(record, reads);
      };
      yield Object.assign(blocks, { ids: records.map(({ id }) => id) });
    }
    after = records.at(-1);
    if (records.length < limit) return;
  }
}

export type BlockPage = (() => Generator<Block>) & { readonly ids: readonly string[] };

function decoded({ id, endpoint, newest, span, rows }: BlockRecord, reads: boolean): Block {
  const at = Number(newest);
  return { id, endpoint, newest: at, oldest: at - Math.ceil(span * 1_000), rows: decodeBlock(rows, { reads }) };
}

/** Some blocks by their ids, each page the oldest first; of a page of them at once memory holds the bytes. */
export async function* readBlocks(
  db: Queryable,
  scopeId: number,
  ids: readonly string[],
  { reads = false }: { readonly reads?: boolean } = {},
): AsyncGenerator<Block> {
  for (let from = 0; from < ids.length; from += PAGE) {
    const records = await db.query<BlockRecord & Record<string, unknown>>(
      `select block_id as id, b.endpoint, (extract(epoch from b.at) * 1000000)::bigint::text as newest, b.span, r.rows
       from mlops.prediction_blocks b join mlops.prediction_block_rows r using (block_id)
       where b.scope_id = $1 and block_id = any($2::uuid[])
       order by b.at, block_id`,
      [scopeId, ids.slice(from, from + PAGE)],
    );
    for (const record of records) yield decoded(record, reads);
  }
}

/** When a row of a block was answered, in microseconds since 1970. */
export function answeredAt(block: Pick<Block, 'newest'>, row: Pick<BlockRow, 'age'>): number {
  return block.newest - Math.round(row.age * 1_000);
}
