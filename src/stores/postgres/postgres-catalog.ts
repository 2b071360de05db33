/**
 * What is applied, as the services read it: all of a scope's resources in memory. A notification is a hint to look at the
 * scope's revision, and every two seconds it is looked at anyway; the resources are read again only when it has moved.
 */
import { oneAtATime } from '../../lib/one-at-a-time.ts';
import type { Kind } from '../../spec/kinds.ts';
import type { Catalog } from '../control/catalog.ts';
import type { AnyRecordedResource, RecordedResource } from '../control/state.ts';
import type { Database } from './database.ts';
import { sqlFile } from './sql-file.ts';

export const RESOURCES_CHANNEL = 'mlops_resources';
const POLL_MS = 2_000;
/** After a read of all resources, notifications wait this many times as long as it took: following a large apply stays cheap. */
const REST_AFTER_READ = 10;

export interface PostgresCatalogOptions {
  /** Follow applies. Default true; false reads once, and then only on `refresh`. */
  readonly follow?: boolean;
  readonly pollMs?: number;
  /** What a poll failed with. The next poll tries again; until then reads answer what was last read. */
  readonly onError?: (error: unknown) => void;
}

interface Snapshot {
  readonly storeRevision: number;
  readonly root: string | null;
  readonly byKind: ReadonlyMap<Kind, ReadonlyMap<string, AnyRecordedResource>>;
  /** `kind.former` → the name now. */
  readonly former: ReadonlyMap<string, string>;
}

/** Resolves after the first read. */
export async function postgresCatalog(
  db: Database,
  scopeId: number,
  options: PostgresCatalogOptions = {},
): Promise<Catalog> {
  let snapshot: Snapshot = { storeRevision: -1, root: null, byKind: new Map(), former: new Map() };
  let revision = 0;
  let closed = false;
  let restUntilMs = 0;
  let rest: NodeJS.Timeout | undefined;
  const listeners = new Set<() => void>();

  async function readNow(): Promise<void> {
    const [now] = await db.prepared<{ revision: number }>(
      'catalog-revision',
      'select revision from mlops.scopes where scope_id = $1',
      [scopeId],
    );
    if (now === undefined || now.revision === snapshot.storeRevision) return;
    const startedMs = performance.now();
    const next = await db.transaction(
      async (tx): Promise<Snapshot> => {
        const [scope] = await tx.query<{ revision: number; root: string | null }>(
          'select revision, root from mlops.scopes where scope_id = $1',
          [scopeId],
        );
        const rows = await tx.query<AnyRecordedResource & Record<string, unknown>>(sqlFile('read-applied'), [scopeId]);
        const names = await tx.query<{ former: string; name: string }>(
          "select kind || '.' || former as former, name from mlops.former_names where scope_id = $1",
          [scopeId],
        );
        return {
          storeRevision: scope?.revision ?? -1,
          root: scope?.root ?? null,
          byKind: grouped(rows),
          former: new Map(names.map(({ former, name }) => [former, name])),
        };
      },
      { readOnly: true },
    );
    const endedMs = performance.now();
    restUntilMs = endedMs + REST_AFTER_READ * (endedMs - startedMs);
    if (closed) return;
    const first = snapshot.storeRevision === -1;
    snapshot = next;
    revision += 1;
    if (!first) for (const listener of [...listeners]) listener();
  }

  const refreshing = oneAtATime(readNow);
  const refresh = refreshing.run;

  function look(): void {
    if (closed || rest !== undefined) return;
    const waitMs = restUntilMs - performance.now();
    if (waitMs > 0) {
      rest = setTimeout(() => {
        rest = undefined;
        look();
      }, waitMs);
      rest.unref();
      return;
    }
    refresh().catch((error: unknown) => options.onError?.(error));
  }

  await refresh();
  let timer: NodeJS.Timeout | undefined;
  let stopListening: (() => Promise<void>) | undefined;
  if (options.follow ?? true) {
    stopListening = await db.listen(RESOURCES_CHANNEL, (payload) => {
      if (payload === '' || payload === String(scopeId)) look();
    });
    timer = setInterval(look, options.pollMs ?? POLL_MS);
    timer.unref();
    // What was applied between the first read and the listening.
    await refresh();
  }

  return {
    get revision() {
      return revision;
    },
    get root() {
      return snapshot.root;
    },
    get: <K extends Kind>(kind: K, name: string) => {
      const named = snapshot.byKind.get(kind);
      return (named?.get(name) ?? named?.get(snapshot.former.get(`${kind}.${name}`) ?? '')) as
        | RecordedResource<K>
        | undefined;
    },
    list: <K extends Kind>(kind: K) =>
      [...(snapshot.byKind.get(kind)?.values() ?? [])] as unknown as readonly RecordedResource<K>[],
    refresh,
    onChange: (listener) => {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    close: async () => {
      closed = true;
      clearInterval(timer);
      clearTimeout(rest);
      listeners.clear();
      await stopListening?.();
      await refreshing.settled();
    },
  };
}

function grouped(rows: readonly AnyRecordedResource[]): Snapshot['byKind'] {
  const byKind = new Map<Kind, Map<string, AnyRecordedResource>>();
  for (const row of rows) {
    const ofKind = byKind.get(row.kind) ?? new Map<string, AnyRecordedResource>();
    ofKind.set(row.name, row);
    byKind.set(row.kind, ofKind);
  }
  return byKind;
}
