/** A StateStore in memory with the promises of the port, and a look at what was written. */
import { randomUUID } from 'node:crypto';
import { MlopsError } from '../../src/lib/error.ts';
import type { JsonObject } from '../../src/lib/json.ts';
import type { Address } from '../../src/spec/address.ts';
import type {
  AnyRecordedResource,
  ApplyHead,
  ApplyJournal,
  ApplyRecord,
  AuditEntry,
  LockHolder,
  ManagedBy,
  ResourceStatus,
  State,
  StateStore,
  StepIntent,
} from '../../src/stores/control/state.ts';

export interface MemoryStateStore extends StateStore {
  /** `intent source.a`, `done source.a`, … in the order written. */
  readonly log: readonly string[];
}

const STATUS: Readonly<Record<StepIntent['action'], ResourceStatus>> = {
  create: 'creating',
  update: 'updating',
  delete: 'deleting',
};

export function memoryStateStore(): MemoryStateStore {
  let lineage: string | null = null;
  let serial = 0;
  let holder: LockHolder | null = null;
  const resources = new Map<Address, AnyRecordedResource>();
  const applies: ApplyRecord[] = [];
  const log: string[] = [];
  const audits: AuditEntry[] = [];
  const epoch = new Date(0);

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
    resources.set(address, { ...copy, createdAt: known?.createdAt ?? epoch, updatedAt: epoch } as AnyRecordedResource);
  };

  const journal = (head: ApplyHead): ApplyJournal => {
    const applyId = randomUUID();
    const serialAfter = serial;
    return {
      applyId,
      intent: async (step) => {
        log.push(`intent ${step.action} ${step.address}`);
        record(step, 'apply', STATUS[step.action], resources.get(step.address)?.outputs ?? {});
      },
      done: async (address, outputs) => {
        log.push(`done ${address}`);
        const resource = resources.get(address);
        if (resource === undefined) throw new Error(`done without intent: ${address}`);
        if (resource.status === 'deleting') resources.delete(address);
        else
          resources.set(address, {
            ...resource,
            status: 'ready',
            outputs: JSON.parse(JSON.stringify(outputs)),
          } as AnyRecordedResource);
      },
      failed: async (address, message) => {
        log.push(`failed ${address}: ${message}`);
      },
      end: async (outcome) => {
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
    read: async (): Promise<State> => ({ lineage, serial, resources: [...resources.values()] }),
    lock: async (who, operation) => {
      if (holder !== null)
        throw new MlopsError('AP101', { detail: `${holder.who} holds the lock for ${holder.operation}.` });
      const mine: LockHolder = { id: randomUUID(), who, operation, since: epoch, heldSeconds: 0, leaseEndsAt: epoch };
      holder = mine;
      log.push('lock');
      return {
        id: mine.id,
        lost: new AbortController().signal,
        assertHeld: () => {},
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
      if (held) holder = null;
      return held;
    },
    beginApply: async (head) => {
      if (head.lineage !== lineage || head.serial !== serial) {
        throw new MlopsError('AP102', {
          detail: `The plan was made from serial ${head.serial}, the state is at ${serial}.`,
        });
      }
      lineage ??= randomUUID();
      serial += 1;
      log.push('begin');
      return journal(head);
    },
    applies: async (limit) => applies.slice(0, limit),
    putFromApi: async (step, _who, outputs) => {
      serial += 1;
      lineage ??= randomUUID();
      record(step, 'api', 'ready', outputs);
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
