/** The history of the state in Postgres: entries of mlops.state_history, each written with what it tells of. */
import type { Address } from '../../spec/address.ts';
import {
  followRenames,
  type HistoryEntry,
  type PastResource,
  type SerialRecord,
  type StateHistory,
} from '../control/history.ts';
import type { Database, Queryable } from './database.ts';
import { sqlFile } from './sql-file.ts';

export function postgresHistory(db: Database, scopeId: number): StateHistory {
  return {
    serials: (limit) =>
      db.query<SerialRecord & Record<string, unknown>>(sqlFile('history-serials'), [scopeId, null, null, limit]),
    entries: ({ address, after, limit }) =>
      db.transaction((tx) => entriesOf(tx, scopeId, address ?? null, after ?? null, limit), { readOnly: true }),
    at: (serial) =>
      db.transaction(
        async (tx) => {
          const [record] = await tx.query<SerialRecord & Record<string, unknown>>(sqlFile('history-serials'), [
            scopeId,
            serial,
            serial,
            1,
          ]);
          if (record === undefined) return undefined;
          const rows = await tx.query<{ address: Address; resource: PastResource }>(sqlFile('history-at'), [
            scopeId,
            serial,
          ]);
          const resources = new Map(rows.map(({ address, resource }) => [address, resource]));
          const later = await tx.query<Pick<HistoryEntry, 'action' | 'address' | 'previousAddress'>>(
            `select action, address, previous_address as "previousAddress" from mlops.state_history
             where scope_id = $1 and serial > $2 order by entry_id`,
            [scopeId, serial],
          );
          return {
            serial,
            at: record.at,
            gitCommit: record.gitCommit,
            resources,
            renamedSince: followRenames(resources.keys(), later),
          };
        },
        { readOnly: true },
      ),
    prune: (serial, who) =>
      db.transaction(async (tx) => {
        const [base] = await tx.query<SerialRecord & Record<string, unknown>>(sqlFile('history-serials'), [
          scopeId,
          null,
          serial - 1,
          1,
        ]);
        if (base === undefined) return 0;
        await tx.query("select set_config('mlops.summing', 'on', true)");
        const { at, who: by, gitCommit } = base;
        const [pruned] = await tx.query<{ entries: number }>(sqlFile('history-prune'), [
          scopeId,
          serial,
          base.serial,
          at,
          by,
          gitCommit,
          who,
        ]);
        return pruned?.entries ?? 0;
      }),
  };
}

export function entriesOf(
  tx: Queryable,
  scopeId: number,
  address: Address | null,
  after: number | null,
  limit: number,
): Promise<HistoryEntry[]> {
  return tx.query<HistoryEntry & Record<string, unknown>>(sqlFile('history-entries'), [scopeId, address, after, limit]);
}
