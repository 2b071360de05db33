/** The first rows of a query over sources, as objects in memory: what a task is run for. */
import { createReadStream } from 'node:fs';
import { rm } from 'node:fs/promises';
import { createInterface } from 'node:readline';
import { MlopsError } from '../lib/error.ts';
import { parseExactly } from '../lib/exact-json.ts';
import type { JsonObject } from '../lib/json.ts';
import type { QueryText } from '../spec/query-text.ts';
import type { OfflineStore } from '../stores/offline.ts';
import type { FeatureCall } from './definitions.ts';
import { digests, locations, type Sources } from './ingest.ts';
import { wrappedQuery } from './wrap-query.ts';

export interface RowsRequest {
  readonly query: QueryText;
  readonly limit: number;
  readonly pipeline: string;
}

export interface FirstRows {
  /** An integer beyond 2^53 is a text. */
  readonly rows: readonly JsonObject[];
  /** Source name → digest of the snapshot that was read. */
  readonly sources: Readonly<Record<string, string>>;
}

const TIME = '__time';
/** Of all rows, as JSON. */
const MOST_BYTES = 64 * 2 ** 20;

/** PL207 where they are too much to hold, or the query fails on its way. */
export async function queryRows(
  { offline, sources }: { readonly offline: OfflineStore; readonly sources: Sources },
  { query, limit, pipeline }: RowsRequest,
  call: FeatureCall,
): Promise<FirstRows> {
  const address = `pipeline.${pipeline}`;
  const failed = (detail: string, hint?: string, cause?: unknown): MlopsError =>
    new MlopsError('PL207', { address, detail, hint, cause });
  return sources.reading(`items of ${address}`, await sources.readBy(query, address), call, async (snapshots) => {
    const inputs = locations(snapshots);
    await offline.describeQuery(query, inputs);
    const passing: string[] = [];
    try {
      const first = await wrappedQuery(
        query,
        (inner) => `select q.*, timestamp '1970-01-01' as ${TIME} from ${inner} q limit ${limit}`,
      );
      const made = await offline
        .join({ spine: { query: first, inputs, time: TIME }, sets: [], split: null }, call.signal)
        .catch((error: unknown) => {
          if (!(error instanceof MlopsError) || error.code !== 'FS205') throw error;
          throw failed(`The query of the items fails. ${error.detail}`, error.hint, error);
        });
      passing.push(made.path);
      const lines = await offline.convert(made.path, 'jsonl', [], call.signal);
      passing.push(lines);
      const rows: JsonObject[] = [];
      let bytes = 0;
      for await (const line of createInterface({
        input: createReadStream(lines),
        crlfDelay: Number.POSITIVE_INFINITY,
      })) {
        bytes += Buffer.byteLength(line);
        if (bytes > MOST_BYTES)
          throw failed(
            `The rows of the items' query take more than ${MOST_BYTES / 2 ** 20} MiB.`,
            'select the columns that a task needs; what is large is read by the task itself',
          );
        const { [TIME]: _, ...row } = parseExactly(line) as Record<string, unknown>;
        rows.push(
          JSON.parse(JSON.stringify(row, (__, value: unknown) => (typeof value === 'bigint' ? String(value) : value))),
        );
      }
      return { rows, sources: digests(snapshots) };
    } finally {
      for (const path of passing) await rm(path, { force: true });
    }
  });
}
