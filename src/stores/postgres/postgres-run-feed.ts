/**
 * The feed of all runs' events in Postgres. An event carries the number of its transaction and a position the snapshot of its reader, so that
 * what a transaction wrote that was under way then is found whenever that commits. No writer waits for another, and no reader for a writer.
 */
import { MlopsError } from '../../lib/error.ts';
import type { FeedEvent, RunFeed } from '../control/run-feed.ts';
import type { Database } from './database.ts';
import { sqlFile } from './sql-file.ts';

interface Position {
  /** Seconds since 1970: no event is older. Numbers of transactions begin anew in a store that was put back from a dump. */
  readonly since: number;
  /** As pg_snapshot is written, `xmin:xmax:xip,…`: what is visible in it was seen. */
  readonly seen: string;
  /** In the middle of what another snapshot sees beyond that, given out run by run: that snapshot, and the last event. */
  readonly within: { readonly upTo: string; readonly runId: string; readonly seq: number } | null;
}

/** How long a transaction may have written its events before it commits. */
const LONGEST_TRANSACTION_S = 3_600;
const SNAPSHOT = String.raw`\d{1,19}:\d{1,19}:(?:\d{1,19}(?:,\d{1,19})*)?`;
const POSITION = new RegExp(
  `^(\\d{1,12})~(${SNAPSHOT})(?:~(${SNAPSHOT})~([0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})~(\\d{1,15}))?$`,
);
const LONGEST_POSITION = 8_192;

export function createPostgresRunFeed(db: Database, scopeId: number): RunFeed {
  type Row = Omit<FeedEvent, 'position'> & Record<string, unknown>;

  async function current(): Promise<Position> {
    const [row] = await db.query<{ seen: string; at: number }>(
      'select pg_current_snapshot()::text as seen, floor(extract(epoch from clock_timestamp()))::double precision as at',
    );
    return { since: row!.at - LONGEST_TRANSACTION_S, seen: row!.seen, within: null };
  }

  return {
    now: async () => written(await current()),
    after: async (position, filter, limit) => {
      const from = read(position);
      const now = await current();
      if (xmaxOf(from.seen) > xmaxOf(now.seen)) refuse('it is of another control store');
      const upTo = from.within?.upTo ?? now.seen;
      const next: Position = { since: now.since, seen: upTo, within: null };
      if (upTo === from.seen) return { events: [], position: written(next), more: false };
      const rows = await db.query<Row>(sqlFile('run-feed'), [
        scopeId,
        from.seen,
        upTo,
        from.since,
        from.within?.runId ?? null,
        from.within?.seq ?? null,
        filter.pipeline ?? null,
        filter.runId ?? null,
        filter.of ?? null,
        filter.statuses ?? null,
        limit,
        from.seen.split(':')[0],
      ]);
      const whole = rows.length < limit;
      const events = rows.map(
        (row, index): FeedEvent => ({
          ...row,
          position: written(
            whole && index === rows.length - 1 ? next : { ...from, within: { upTo, runId: row.runId, seq: row.seq } },
          ),
        }),
      );
      // What is committed since this part began is read by the next call.
      const more = !whole || from.within !== null;
      return { events, position: events.at(-1)?.position ?? written(next), more };
    },
  };
}

function written({ since, seen, within }: Position): string {
  return within === null ? `${since}~${seen}` : `${since}~${seen}~${within.upTo}~${within.runId}~${within.seq}`;
}

function read(text: string): Position {
  const found = text.length <= LONGEST_POSITION ? POSITION.exec(text) : null;
  if (found === null) return refuse('it is not the `id` of an event of this stream');
  const [, since, seen = '', upTo, runId = '', seq] = found;
  if ([seen, upTo].some((snapshot) => snapshot !== undefined && !isSnapshot(snapshot)))
    return refuse('it is not the `id` of an event of this stream');
  return {
    since: Number(since),
    seen,
    within: upTo === undefined ? null : { upTo, runId, seq: Number(seq) },
  };
}

/** Postgres refuses others: xmin ≤ xip ascending < xmax, none 0. */
function isSnapshot(text: string): boolean {
  const [xmin = '', xmax = '', list = ''] = text.split(':');
  const bounds = [BigInt(xmin), ...list.split(',').filter(Boolean).map(BigInt), BigInt(xmax)];
  return (
    bounds[0] !== 0n && bounds.every((id, index) => id < 2n ** 63n && (index === 0 || id >= (bounds[index - 1] ?? id)))
  );
}

const xmaxOf = (snapshot: string): bigint => BigInt(snapshot.split(':')[1] ?? '0');

function refuse(why: string): never {
  throw new MlopsError('API400', {
    detail: `The position cannot be gone on from: ${why}.`,
    hint: 'leave Last-Event-ID out: then the stream begins now',
  });
}
