/** When rows became known and stood online, in Postgres. */
import type { OnlineFill, PushedTo, PushTime, ServedHistory } from '../control/served-history.ts';
import type { Database } from './database.ts';

/** bigint columns arrive as numbers where they are safe, else as text. */
type Int8 = number | string;

const NAMED = "scope_id = $1 and feature_set = mlops.current_name($1, 'feature_set', $2)";

export function postgresServedHistory(db: Database, scopeId: number): ServedHistory {
  return {
    noteFill: async (set, version, { sequence, visibleAt, anew }) => {
      await db.query(
        `insert into mlops.online_fills (scope_id, feature_set, version, sequence, visible_at, refilled)
         select v.scope_id, v.feature_set, v.version, $4, $5,
                $6 and exists (select from mlops.online_fills f where (f.scope_id, f.feature_set, f.version) = (v.scope_id, v.feature_set, v.version))
           from mlops.feature_set_versions v where ${NAMED} and version = $3`,
        [scopeId, set, version, sequence, String(visibleAt), anew],
      );
    },
    fills: async (set, version) =>
      (
        await db.query<{ sequence: Int8; visible_at: Int8; refilled: boolean; at: Date }>(
          `select sequence, visible_at, refilled, at from mlops.online_fills where ${NAMED} and version = $3 order by at, fill_id`,
          [scopeId, set, version],
        )
      ).map(
        ({ sequence, visible_at, refilled, at }): OnlineFill => ({
          sequence: Number(sequence),
          visibleAt: BigInt(visible_at),
          refilled,
          at,
        }),
      ),
    pushTimes: async (set, sequences) => {
      if (sequences.length === 0) return [];
      const rows = await db.query<{ sequence: Int8; target: PushedTo; second: Date; at: Date }>(
        `select asked.sequence, t.target, t.second, t.at
           from unnest($3::bigint[]) as asked (sequence)
           join mlops.push_times t on ${NAMED} and asked.sequence between t.first_sequence and t.last_sequence`,
        [scopeId, set, sequences],
      );
      return rows.map(
        ({ sequence, target, second, at }): PushTime => ({
          sequence: Number(sequence),
          to: target,
          from: second,
          until: at,
        }),
      );
    },
    onlineOnly: async (set, before) => {
      const rows = await db.query<{ first_sequence: Int8; last_sequence: Int8 }>(
        `select first_sequence, least(last_sequence, $3::bigint - 1) as last_sequence from mlops.push_times
          where ${NAMED} and target = 'online' and first_sequence < $3 order by first_sequence`,
        [scopeId, set, before],
      );
      return rows.map((row) => ({ first: Number(row.first_sequence), last: Number(row.last_sequence) }));
    },
    recordedAt: async (set, version) => {
      const rows = await db.query<{ sequence: Int8; at: Date }>(
        `select sequence, min(created_at) as at from mlops.feature_parts where ${NAMED} and version = $3 group by sequence`,
        [scopeId, set, version],
      );
      return new Map(rows.map(({ sequence, at }) => [Number(sequence), at]));
    },
  };
}
