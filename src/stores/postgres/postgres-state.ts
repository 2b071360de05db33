/** The recorded state in Postgres: the port `StateStore` for one scope. */
import { MlopsError } from '../../lib/error.ts';
import type { StateHistory } from '../control/history.ts';
import type {
  AnyRecordedResource,
  ApplyRecord,
  AuditEntry,
  RecordedFailure,
  Scope,
  State,
  StateStore,
} from '../control/state.ts';
import { adopt } from './adopt.ts';
import { beginApply } from './apply-journal.ts';
import type { Database, Queryable } from './database.ts';
import { forgetResource, moveResources } from './edit-state.ts';
import { isAbsent, migrate } from './migrate.ts';
import { postgresHistory } from './postgres-history.ts';
import { ensureScope, findScope } from './scopes.ts';
import { sqlFile } from './sql-file.ts';
import { LEASE, type LeaseTimes, readHolder, removeLock, takeLock } from './state-lock.ts';

export function postgresState(db: Database, scopeId: number, times: LeaseTimes = LEASE): StateStore {
  return {
    read: () => db.transaction((tx) => readState(tx, scopeId), { readOnly: true }),
    lock: (who, operation) => takeLock(db, scopeId, who, operation, times),
    lockHolder: () => readHolder(db, scopeId),
    unlock: (id) => removeLock(db, scopeId, id),
    beginApply: (head) => beginApply(db, scopeId, head),
    applies: (limit) =>
      db.query<ApplyRecord & Record<string, unknown>>(
        `select apply_id as id, who, started_at as "startedAt", ended_at as "endedAt", outcome,
                serial_before as "serialBefore", serial_after as "serialAfter", plan_digest as "planDigest",
                git_commit as "gitCommit", changes
         from mlops.applies where scope_id = $1 order by serial_after desc limit $2`,
        [scopeId, limit],
      ),
    putFromApi: async (step, who, outputs) => {
      const written = await db.query(sqlFile('put-from-api'), [
        scopeId,
        step.address,
        step.kind,
        step.name,
        JSON.stringify(step.spec),
        step.digest,
        step.dependsOn,
        step.protect,
        JSON.stringify(outputs),
        who,
      ]);
      if (written.length === 0) {
        throw new MlopsError('API409', {
          detail: `${step.address} is managed by the project's specs.`,
          hint: 'change it there and apply, or use another name',
          address: step.address,
        });
      }
    },
    adopt: (resources, who) => adopt(db, scopeId, resources, who),
    move: (renames, by) => moveResources(db, scopeId, renames, by),
    forget: (address, by) => forgetResource(db, scopeId, address, by),
    history: postgresHistory(db, scopeId),
    audit: async (entry) => {
      await db.query(
        'insert into mlops.audit_log (scope_id, who, action, subject, detail) values ($1, $2, $3, $4, $5)',
        [scopeId, entry.who, entry.action, entry.subject, JSON.stringify(entry.detail)],
      );
    },
    auditLog: (limit) =>
      db.query<AuditEntry & Record<string, unknown>>(
        `select entry_id::text as id, at, who, action, subject, detail, apply_id as "applyId", git_commit as "gitCommit"
         from mlops.audit_log where scope_id = $1 order by entry_id desc limit $2`,
        [scopeId, limit],
      ),
  };
}

/**
 * The same for a scope that may not exist yet: reading makes nothing, not even the schema, and finds it empty; the first
 * write migrates the store and makes the scope.
 */
export function openState(db: Database, scope: Scope, times: LeaseTimes = LEASE): StateStore {
  let known: StateStore | undefined;
  async function found(): Promise<StateStore | undefined> {
    if (known === undefined) {
      const scopeId = await findScope(db, scope);
      if (scopeId !== undefined) known = postgresState(db, scopeId, times);
    }
    return known;
  }
  async function made(): Promise<StateStore> {
    if (known === undefined) {
      await migrate(db);
      known = postgresState(db, await ensureScope(db, scope), times);
    }
    return known;
  }
  /** A server that must not be migrated may be older than the history. */
  async function recalled<T>(read: (history: StateHistory) => Promise<T>, none: T): Promise<T> {
    const store = await found();
    if (store === undefined) return none;
    try {
      return await read(store.history);
    } catch (error) {
      if (isAbsent(error)) return none;
      throw error;
    }
  }
  const history: StateHistory = {
    serials: (limit) => recalled((past) => past.serials(limit), []),
    entries: (filter) => recalled((past) => past.entries(filter), []),
    at: (serial) => recalled((past) => past.at(serial), undefined),
    prune: async (serial, who) => (await made()).history.prune(serial, who),
  };
  return {
    read: async () => (await found())?.read() ?? { lineage: null, serial: 0, resources: [] },
    lockHolder: async () => (await found())?.lockHolder() ?? null,
    unlock: async (id) => (await found())?.unlock(id) ?? false,
    applies: async (limit) => (await found())?.applies(limit) ?? [],
    auditLog: async (limit) => (await found())?.auditLog(limit) ?? [],
    lock: async (who, operation) => (await made()).lock(who, operation),
    beginApply: async (head) => (await made()).beginApply(head),
    putFromApi: async (step, who, outputs) => (await made()).putFromApi(step, who, outputs),
    adopt: async (resources, who) => (await made()).adopt(resources, who),
    move: async (renames, by) => (await made()).move(renames, by),
    forget: async (address, by) => (await made()).forget(address, by),
    history,
    audit: async (entry) => (await made()).audit(entry),
  };
}

async function readState(tx: Queryable, scopeId: number): Promise<State> {
  // A server that `plan` must not migrate may be older than the second part.
  const [scope] = await tx.query<{ lineage: string | null; serial: number; extended: boolean }>(
    "select lineage, serial, to_regclass('mlops.former_names') is not null as extended from mlops.scopes where scope_id = $1",
    [scopeId],
  );
  const resources = await tx.query<AnyRecordedResource & Record<string, unknown>>(sqlFile('read-resources'), [scopeId]);
  const extras = scope?.extended === true ? await tx.query<ExtraRow>(sqlFile('read-former'), [scopeId]) : [];
  const byAddress = new Map(extras.map((extra) => [extra.address, extra]));
  return {
    lineage: scope?.lineage ?? null,
    serial: scope?.serial ?? 0,
    resources: resources.map((resource) => withExtras(resource, byAddress.get(resource.address))),
  };
}

interface ExtraRow extends Record<string, unknown> {
  readonly address: string;
  readonly failure: (Omit<RecordedFailure, 'at'> & { readonly at: string }) | null;
  readonly formerNames: readonly string[] | null;
}

function withExtras(resource: AnyRecordedResource, extra: ExtraRow | undefined): AnyRecordedResource {
  if (extra === undefined) return resource;
  const { failure, formerNames } = extra;
  return {
    ...resource,
    ...(failure !== null && { failure: { ...failure, at: new Date(failure.at) } }),
    ...(formerNames !== null && { formerNames }),
  };
}
