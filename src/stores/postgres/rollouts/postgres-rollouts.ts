/** Rollouts in Postgres. A write takes the row's lock by updating it at its revision; nothing else is locked. */
import { MlopsError } from '../../../lib/error.ts';
import type { Rollout, RolloutDecision, RolloutStore, RolloutTraffic } from '../../control/rollouts.ts';
import type { Database, Queryable } from '../database.ts';
import { sqlFile } from '../sql-file.ts';
import { appendDecision, auditMove, hasEnded, insertRollout, standingParams, UUID } from './rows.ts';

const ROLLOUTS_CHANNEL = 'mlops_rollouts';

interface RolloutQuery {
  readonly id?: string;
  readonly endpoint?: string | undefined;
  readonly status?: string | undefined;
  readonly before?: string | undefined;
  readonly limit?: number;
}

type Row = Rollout & { readonly seq: number | string };

export function createPostgresRollouts(db: Database, scopeId: number): RolloutStore {
  const select = (query: Queryable, by: RolloutQuery): Promise<Row[]> =>
    query.query<Row & Record<string, unknown>>(sqlFile('rollouts-list'), [
      scopeId,
      by.id ?? null,
      by.endpoint ?? null,
      by.status ?? null,
      by.before ?? null,
      by.limit ?? 1,
    ]);
  const notify = (tx: Queryable) => tx.query('select pg_notify($1, $2)', [ROLLOUTS_CHANNEL, String(scopeId)]);

  const begin: RolloutStore['begin'] = (subject, standing, { key, who, replaces }) =>
    db
      .transaction(async (tx) => {
        if (replaces !== null) {
          const reason = `version ${subject.version} of ${subject.model} took its place`;
          const [old] = await tx.query<{ endpoint: string; step: number }>(
            `update mlops.rollouts set status = 'superseded', share = 0, paused_at = null, reason = $4, revision = revision + 1, ended_at = clock_timestamp()
           where scope_id = $1 and rollout_id = $2 and revision = $3 returning endpoint, step`,
            [scopeId, replaces.id, replaces.revision, reason],
          );
          if (old === undefined) return undefined;
          const superseded = { status: 'superseded', step: old.step, share: 0 } as const;
          await appendDecision(tx, scopeId, replaces.id, superseded, { kind: 'superseded', reason, checks: [] }, who);
          await auditMove(tx, scopeId, who, 'rollout.superseded', old.endpoint, { id: replaces.id, reason });
        }
        const id = await insertRollout(tx, scopeId, subject, standing, { key, who });
        if (id === undefined) {
          // Somebody else began it: what was replaced above is undone with it.
          if (replaces !== null) throw new BegunAlready();
          return undefined;
        }
        await appendDecision(tx, scopeId, id, standing, { kind: 'begun', reason: standing.reason, checks: [] }, who);
        await auditMove(tx, scopeId, who, 'rollout.begin', subject.endpoint, { id, version: subject.version });
        await notify(tx);
        const [row] = await select(tx, { id });
        return plain(row!);
      })
      .catch((error: unknown) => {
        if (error instanceof BegunAlready) return undefined;
        throw error;
      });

  const write: RolloutStore['write'] = ({ id, revision }, standing, decision, who) =>
    db.transaction(async (tx) => {
      const [row] = await tx.query<{ endpoint: string; version: number; was: string; share: number }>(
        sqlFile('rollouts-write'),
        [scopeId, id, revision, hasEnded(standing.status), ...standingParams(standing)],
      );
      if (row === undefined) return false;
      if (decision !== null) await appendDecision(tx, scopeId, id, standing, decision, who);
      if (row.was !== standing.status) {
        const detail = { id, version: row.version, from: row.was, to: standing.status, reason: standing.reason };
        await auditMove(tx, scopeId, who, `rollout.${decision?.kind ?? standing.status}`, row.endpoint, detail);
      }
      if (row.share !== standing.share) await notify(tx);
      return true;
    });

  return {
    lead: async (daemon, forMs) => {
      const [row] = await db.query<{ now: Date }>(
        `insert into mlops.rollout_leads as l (scope_id, daemon, until)
         values ($1, $2, clock_timestamp() + $3::double precision * interval '1 millisecond')
         on conflict (scope_id) do update set daemon = excluded.daemon, until = excluded.until
         where l.daemon = excluded.daemon or l.until < clock_timestamp()
         returning clock_timestamp() as now`,
        [scopeId, daemon, forMs],
      );
      return row?.now;
    },
    resign: async (daemon) => {
      await db.query('delete from mlops.rollout_leads where scope_id = $1 and daemon = $2', [scopeId, daemon]);
    },
    now: async () => (await db.query<{ now: Date }>('select clock_timestamp() as now'))[0]!.now,
    begin,
    write,
    newest: async () => {
      const rows = await db.query<Row & Record<string, unknown>>(sqlFile('rollouts-newest'), [scopeId]);
      return rows.map(plain);
    },
    newestOf: async (endpoint) => {
      const [row] = await select(db, { endpoint });
      return row && plain(row);
    },
    byId: async (id) => {
      const [row] = UUID.test(id) ? await select(db, { id }) : [];
      return row && plain(row);
    },
    list: async ({ endpoint, status, limit, cursor }) => {
      if (cursor !== undefined && !/^\d{1,18}$/.test(cursor))
        throw new MlopsError('API400', { detail: `The cursor "${cursor}" is not one that a list answered.` });
      const rows = await select(db, { endpoint, status, before: cursor, limit: limit + 1 });
      const items = rows.slice(0, limit);
      return { items: items.map(plain), nextCursor: rows.length > limit ? String(items.at(-1)!.seq) : null };
    },
    decisions: (id, limit) =>
      db.query<RolloutDecision & Record<string, unknown>>(sqlFile('rollouts-decisions'), [scopeId, id, limit]),
    traffic: async () => {
      const rows = await db.query<Row & Record<string, unknown>>(sqlFile('rollouts-newest'), [scopeId]);
      return rows.map(
        ({ endpoint, candidate, version, share }): RolloutTraffic => ({ endpoint, candidate, version, share }),
      );
    },
    onChange: (listener) =>
      db.listen(ROLLOUTS_CHANNEL, (payload) => {
        if (payload === '' || payload === String(scopeId)) listener();
      }),
  };
}

class BegunAlready extends Error {}

function plain({ seq: _, ...rollout }: Row): Rollout {
  return rollout;
}
