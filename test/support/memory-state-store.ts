/** A StateStore in memory with the promises of the port, and a look at what was written. */
import { randomUUID } from 'node:crypto';
import { canonicallyEqual } from '../../src/lib/canonical.ts';
import { MlopsError } from '../../src/lib/error.ts';
import type { JsonObject } from '../../src/lib/json.ts';
import type { Address } from '../../src/spec/address.ts';
import type { Kind } from '../../src/spec/kinds.ts';
import { specDigest } from '../../src/spec/spec-digest.ts';
import {
  followRenames,
  type HistoryEntry,
  type PastResource,
  type SerialRecord,
} from '../../src/stores/control/history.ts';
import { movedState } from '../../src/stores/control/moved-state.ts';
import { renamedDependent, renamedWithOutputs } from '../../src/stores/control/renamed-dependent.ts';
import type {
  AnyRecordedResource,
  ApplyHead,
  ApplyJournal,
  ApplyRecord,
  AuditEntry,
  LockHolder,
  ManagedBy,
  Rename,
  ResourceStatus,
  State,
  StateEdit,
  StateStore,
  StepIntent,
} from '../../src/stores/control/state.ts';

export interface MemoryStateStoreOptions {
  /** What is kept under a name goes along with it, as it does in a control store. */
  readonly onRename?: (kind: Kind, from: string, to: string) => void;
  /** The version of a set that has the one structure has the other from now on: what it reads is called otherwise. */
  readonly onRestructure?: (set: string, before: string, after: string) => void;
}

export interface MemoryStateStore extends StateStore {
  /** `intent source.a`, `done source.a`, … in the order written. */
  readonly log: readonly string[];
  /** What effects ask that are done for an apply. */
  isOpen(applyId: string): boolean;
}

const STATUS: Readonly<Record<StepIntent['action'], ResourceStatus>> = {
  create: 'creating',
  update: 'updating',
  delete: 'deleting',
};

export function memoryStateStore({
  onRename = () => {},
  onRestructure = () => {},
}: MemoryStateStoreOptions = {}): MemoryStateStore {
  let lineage: string | null = null;
  let serial = 0;
  let holder: LockHolder | null = null;
  let lost = new AbortController();
  const resources = new Map<Address, AnyRecordedResource>();
  const applies: ApplyRecord[] = [];
  let open: string | undefined;
  const log: string[] = [];
  const audits: AuditEntry[] = [];
  const epoch = new Date(0);
  const entries: HistoryEntry[] = [];
  /** Of the history, once it was pruned. */
  let beginning = 0;
  /** While updating: as last applied. */
  const previous = new Map<Address, AnyRecordedResource>();

  const pastOf = (resource: PastResource): PastResource => {
    const { kind, name, spec, digest, dependsOn, protect, managedBy, outputs } = resource;
    return { kind, name, spec, digest, dependsOn, protect, managedBy, outputs };
  };
  const remember = (
    entry: Pick<HistoryEntry, 'serial' | 'who' | 'operation' | 'applyId' | 'gitCommit' | 'action' | 'address'>,
    resource: PastResource | undefined,
    previousAddress: Address | null = null,
  ): void => {
    const before = entries.findLast(({ address }) => address === (previousAddress ?? entry.address))?.after ?? null;
    const after = resource === undefined ? null : pastOf(resource);
    entries.push({ ...entry, at: epoch, previousAddress, before, after });
  };
  const audit = (
    who: string,
    action: string,
    subject: string,
    detail: JsonObject,
    apply: string | null = null,
  ): void => {
    audits.unshift({
      id: String(audits.length + 1),
      at: epoch,
      who,
      action,
      subject,
      detail,
      applyId: apply,
      gitCommit: null,
    });
  };
  const move = (
    renames: readonly Rename[],
    entry: Pick<HistoryEntry, 'serial' | 'who' | 'operation' | 'applyId' | 'gitCommit'>,
  ): void => {
    for (const { from, to } of renames) {
      const resource = resources.get(from);
      const [kind, old] = from.split('.') as [Kind, string];
      const name = to.slice(kind.length + 1);
      if (resource === undefined || resources.has(to) || resource.status === 'deleting' || !to.startsWith(`${kind}.`))
        throw new MlopsError('AP108', { detail: `${from} cannot be renamed to ${to}.`, address: to });
      const renamed = (one: AnyRecordedResource): AnyRecordedResource => {
        const spec = { ...one.spec, name };
        return { ...one, address: to, name, spec, digest: specDigest(spec) } as AnyRecordedResource;
      };
      const formerNames = [...(resource.formerNames ?? []), old].filter((former) => former !== name).sort();
      resources.delete(from);
      for (const [address, other] of [...resources, ...previous]) {
        const kept = resources.get(address) === other ? resources : previous;
        if (other.formerNames?.includes(name) === true && other.kind === kind) {
          const { formerNames: had, ...rest } = other;
          const left = had.filter((former) => former !== name);
          kept.set(address, (left.length === 0 ? rest : { ...other, formerNames: left }) as AnyRecordedResource);
        }
      }
      const before = previous.get(from);
      previous.delete(from);
      if (before !== undefined) previous.set(to, renamed(before));
      const next = { ...renamed(resource), formerNames };
      resources.set(to, next);
      onRename(kind, old, name);
      const last = before === undefined ? (resource.status === 'ready' ? next : undefined) : previous.get(to);
      if (last !== undefined) remember({ ...entry, action: 'rename', address: to }, last, from);
      audit(entry.who, 'resource.rename', to, { from }, entry.applyId);
      for (const address of [...resources.keys()].sort())
        if (address !== to) renameDependent(address, { from, to }, entry);
    }
  };
  const renameDependent = (
    address: Address,
    rename: Rename,
    entry: Pick<HistoryEntry, 'serial' | 'who' | 'operation' | 'applyId' | 'gitCommit'>,
  ): void => {
    const resource = resources.get(address) as AnyRecordedResource;
    const before = previous.get(address);
    const renamed = (one: AnyRecordedResource): AnyRecordedResource =>
      ({ ...one, ...renamedDependent(one.kind, one as never, rename) }) as unknown as AnyRecordedResource;
    const { outputs } = renamedWithOutputs(resource.kind, (before ?? resource) as never, rename) as AnyRecordedResource;
    const next = { ...renamed(resource), outputs };
    if (canonicallyEqual(next, resource) && (before === undefined || canonicallyEqual(renamed(before), before))) return;
    resources.set(address, next);
    if (before !== undefined) previous.set(address, { ...renamed(before), outputs });
    if (resource.outputs['structure'] !== outputs['structure'])
      onRestructure(resource.name, String(resource.outputs['structure']), String(outputs['structure']));
    const last = entries.findLast((one) => one.address === address || one.previousAddress === address);
    if (last === undefined || last.address !== address || last.after === null) return;
    const past = renamedWithOutputs(last.after.kind, last.after as never, rename) as PastResource;
    if (!canonicallyEqual(past, last.after)) remember({ ...entry, action: 'update', address }, past);
  };
  const edit = ({ lineage: planned, serial: from }: StateEdit): void => {
    refuseMoved(planned, from);
    lineage ??= randomUUID();
    serial += 1;
  };
  const refuseMoved = (planned: string | null, from: number): void => {
    if (planned === lineage && from === serial) return;
    const since = entries.filter((entry) => entry.serial > from).reverse();
    throw movedState({ lineage: planned, serial: from }, { lineage, serial }, planned === lineage ? since : []);
  };
  const takeName = (kind: Kind, name: string): void => {
    for (const [address, other] of resources) {
      if (other.kind !== kind || other.formerNames?.includes(name) !== true) continue;
      const { formerNames, ...rest } = other;
      const left = formerNames.filter((former) => former !== name);
      resources.set(address, (left.length === 0 ? rest : { ...other, formerNames: left }) as AnyRecordedResource);
    }
  };

  /** What an update cut off needed before is needed still. */
  const withWhatItNeededBefore = (resource: AnyRecordedResource): AnyRecordedResource => {
    const before = resource.status === 'updating' ? previous.get(resource.address) : undefined;
    if (before === undefined) return resource;
    return { ...resource, dependsOn: [...new Set([...resource.dependsOn, ...before.dependsOn])].sort() };
  };

  const record = (
    step: Omit<StepIntent, 'action' | 'reason'>,
    managedBy: ManagedBy,
    status: ResourceStatus,
    outputs: JsonObject,
  ) => {
    const known = resources.get(step.address);
    const { address, kind, name, spec, digest, dependsOn, protect } = step;
    // Through JSON and back, as a real store does.
    const copy = JSON.parse(
      JSON.stringify({ address, kind, name, spec, digest, dependsOn, protect, managedBy, status, outputs }),
    );
    const names = known?.formerNames === undefined ? {} : { formerNames: known.formerNames };
    resources.set(address, {
      ...copy,
      ...names,
      createdAt: known?.createdAt ?? epoch,
      updatedAt: epoch,
    } as AnyRecordedResource);
  };

  const journal = (head: ApplyHead): ApplyJournal => {
    const applyId = randomUUID();
    const serialAfter = serial;
    const entry = {
      serial,
      who: head.who,
      operation: head.operation ?? 'apply',
      applyId,
      gitCommit: head.gitCommit,
    };
    const actions = new Map<Address, StepIntent['action']>();
    open = applyId;
    const guard = (): void => {
      if (open !== applyId) throw new MlopsError('AP101', { detail: `Apply ${applyId} was ended by another.` });
    };
    return {
      applyId,
      rename: async (renames) => {
        guard();
        for (const { from, to } of renames) log.push(`rename ${from} ${to}`);
        move(renames, entry);
      },
      intent: async (step) => {
        guard();
        log.push(`intent ${step.action} ${step.address}`);
        const known = resources.get(step.address);
        if (step.action === 'update' && known?.status === 'ready') previous.set(step.address, known);
        if (step.action === 'create') takeName(step.kind, step.name);
        actions.set(step.address, step.action);
        record(step, 'apply', STATUS[step.action], resources.get(step.address)?.outputs ?? {});
      },
      done: async (address, outputs) => {
        guard();
        log.push(`done ${address}`);
        const resource = resources.get(address);
        if (resource === undefined) throw new Error(`done without intent: ${address}`);
        const { failure: _, ...rest } = resource;
        previous.delete(address);
        if (resource.status === 'deleting') resources.delete(address);
        else
          resources.set(address, {
            ...rest,
            status: 'ready',
            outputs: JSON.parse(JSON.stringify(outputs)),
          } as AnyRecordedResource);
        const after = resources.get(address);
        const last = entries.findLast((one) => one.applyId === applyId && one.address === address);
        const told = last !== undefined && after !== undefined && canonicallyEqual(last.after, pastOf(after));
        if (!told) remember({ ...entry, action: actions.get(address) ?? 'update', address }, after);
        audit(head.who, `resource.${actions.get(address)}`, address, {}, applyId);
      },
      failed: async (address, message, code = null) => {
        guard();
        log.push(`failed ${address}: ${message}`);
        const resource = resources.get(address);
        if (resource === undefined) throw new Error(`failed without intent: ${address}`);
        const failure = { code, message, at: epoch, who: head.who, applyId };
        resources.set(address, { ...resource, failure });
      },
      end: async (outcome) => {
        guard();
        open = undefined;
        log.push(`end ${outcome}`);
        applies.unshift({
          id: applyId,
          who: head.who,
          startedAt: epoch,
          endedAt: epoch,
          outcome,
          serialBefore: head.serial,
          serialAfter,
          planDigest: head.planDigest,
          gitCommit: head.gitCommit,
          changes: head.changes,
        });
      },
    };
  };

  return {
    log,
    isOpen: (applyId) => open === applyId,
    read: async (): Promise<State> => ({
      lineage,
      serial,
      resources: [...resources.values()].map(withWhatItNeededBefore),
    }),
    lock: async (who, operation) => {
      if (holder !== null)
        throw new MlopsError('AP101', { detail: `${holder.who} holds the lock for ${holder.operation}.` });
      const mine: LockHolder = { id: randomUUID(), who, operation, since: epoch, heldSeconds: 0, leaseEndsAt: epoch };
      holder = mine;
      lost = new AbortController();
      const { signal } = lost;
      log.push('lock');
      return {
        id: mine.id,
        lost: signal,
        assertHeld: () => signal.throwIfAborted(),
        release: async () => {
          log.push('release');
          if (holder?.id === mine.id) holder = null;
          return true;
        },
      };
    },
    lockHolder: async () => holder,
    unlock: async (id) => {
      const held = holder?.id === id;
      if (!held) return false;
      holder = null;
      lost.abort(new MlopsError('AP101', { detail: 'The lock of the state was lost: it was removed.' }));
      return true;
    },
    beginApply: async (head) => {
      refuseMoved(head.lineage, head.serial);
      lineage ??= randomUUID();
      serial += 1;
      log.push('begin');
      return journal(head);
    },
    applies: async (limit) => applies.slice(0, limit),
    putFromApi: async (step, who, outputs) => {
      const known = resources.get(step.address);
      if (known !== undefined && (known.managedBy === 'apply' || known.status !== 'ready'))
        throw new MlopsError('API409', { detail: `${step.address} is managed by specs.`, address: step.address });
      serial += 1;
      if (known === undefined) takeName(step.kind, step.name);
      record(step, 'api', 'ready', outputs);
      const action = known === undefined ? 'create' : 'update';
      const entry = {
        serial,
        who,
        operation: 'api',
        applyId: null,
        gitCommit: null,
        action,
        address: step.address,
      } as const;
      remember(entry, resources.get(step.address));
      audit(who, `resource.${action}`, step.address, { digest: step.digest, outputs });
    },
    move: async (renames, by) => {
      const before = [new Map(resources), new Map(previous), entries.length, audits.length, serial] as const;
      edit(by);
      try {
        move(renames, { serial, who: by.who, operation: 'mv', applyId: null, gitCommit: by.gitCommit });
      } catch (error) {
        resources.clear();
        for (const [address, resource] of before[0]) resources.set(address, resource);
        entries.length = before[2];
        audits.splice(0, audits.length - before[3]);
        serial = before[4];
        throw error;
      }
    },
    forget: async (address, by) => {
      if (!resources.has(address))
        throw new MlopsError('SP104', { detail: `${address} is not in the state.`, address });
      edit(by);
      resources.delete(address);
      previous.delete(address);
      const { who, gitCommit } = by;
      remember({ serial, who, operation: 'rm', applyId: null, gitCommit, action: 'forget', address }, undefined);
      audit(who, 'resource.forget', address, {});
    },
    history: {
      serials: async (limit) => {
        const known = new Map<number, SerialRecord>();
        for (const { serial: at, who, operation, applyId, gitCommit, action } of entries) {
          const record = known.get(at) ?? {
            serial: at,
            at: epoch,
            who,
            operation,
            applyId,
            gitCommit,
            outcome: applyId === null ? 'succeeded' : (applies.find(({ id }) => id === applyId)?.outcome ?? null),
            counts: {},
          };
          const counts = { ...record.counts, [action]: (record.counts[action] ?? 0) + 1 };
          known.set(at, { ...record, counts });
        }
        return [...known.values()].sort((a, b) => b.serial - a.serial).slice(0, limit);
      },
      entries: async ({ address, after = 0, limit }) => {
        const line = [{ address, until: entries.length }];
        for (const { address: at, until } of line) {
          const back = entries.slice(0, until).findLast((one) => one.address === at && one.action === 'rename');
          if (back?.previousAddress != null) line.push({ address: back.previousAddress, until: entries.indexOf(back) });
        }
        return entries
          .filter(
            (one, index) =>
              one.serial > after &&
              (address === undefined ||
                one.previousAddress === address ||
                line.some((part) => part.address === one.address && index < part.until)),
          )
          .reverse()
          .slice(0, limit);
      },
      at: async (asked) => {
        if (asked < 1 || asked > serial || asked < beginning) return undefined;
        const then = new Map<Address, PastResource>();
        for (const { address, previousAddress, after } of entries.filter((one) => one.serial <= asked)) {
          if (previousAddress !== null) then.delete(previousAddress);
          if (after === null) then.delete(address);
          else then.set(address, after);
        }
        const sorted = new Map([...then].sort(([a], [b]) => (a < b ? -1 : 1)));
        const later = entries.filter((one) => one.serial > asked);
        return {
          serial: asked,
          at: epoch,
          gitCommit: null,
          resources: sorted,
          renamedSince: followRenames(sorted.keys(), later),
        };
      },
      prune: async (from, who) => {
        const base = entries.findLast((one) => one.serial < from);
        if (base === undefined) return 0;
        const then = new Map<Address, HistoryEntry>();
        for (const entry of entries.filter((one) => one.serial < from)) {
          if (entry.previousAddress !== null) then.delete(entry.previousAddress);
          if (entry.after === null) then.delete(entry.address);
          else then.set(entry.address, entry);
        }
        const summed = [...then.values()].map(
          (entry): HistoryEntry => ({
            ...entry,
            serial: base.serial,
            operation: 'record',
            applyId: null,
            action: 'record',
            previousAddress: null,
            before: null,
          }),
        );
        const later = entries.filter((one) => one.serial >= from);
        const gone = entries.length - later.length - summed.length;
        entries.splice(0, entries.length, ...summed, ...later);
        beginning = base.serial;
        audit(who, 'history.prune', 'state', { before: from, entries: gone });
        return gone;
      },
    },
    adopt: async (adopted, who) => {
      const found = adopted.map(({ address, digest }) => {
        const resource = resources.get(address);
        const asRead = resource?.digest === digest && resource.managedBy === 'api' && resource.status === 'ready';
        if (!asRead) throw new MlopsError('AP117', { detail: `${address} was changed meanwhile.`, address });
        return resource;
      });
      if (found.length > 0) serial += 1;
      for (const resource of found) {
        resources.set(resource.address, { ...resource, managedBy: 'apply' });
        remember(
          {
            serial,
            who,
            operation: 'import',
            applyId: null,
            gitCommit: null,
            action: 'update',
            address: resource.address,
          },
          resources.get(resource.address),
        );
        const entry = { who, action: 'resource.adopt', subject: resource.address, detail: { digest: resource.digest } };
        audits.unshift({ ...entry, id: String(audits.length + 1), at: epoch, applyId: null, gitCommit: null });
      }
    },
    audit: async (entry) => {
      audits.unshift({ ...entry, id: String(audits.length + 1), at: epoch, applyId: null, gitCommit: null });
    },
    auditLog: async (limit) => audits.slice(0, limit),
  };
}
