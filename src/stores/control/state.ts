/**
 * The recorded state of one project and environment: its resources, the journal of applies, the lock.
 * Every method speaks of that one scope; nothing here touches another's.
 */

import type { DiagnosticCode } from '../../lib/codes.ts';
import type { JsonObject } from '../../lib/json.ts';
import type { Address } from '../../spec/address.ts';
import type { Kind } from '../../spec/kinds.ts';
import type { StateHistory } from './history.ts';
import type { AnyRecordedResource, RecordedResource } from './recorded-resource.ts';

export type {
  AnyRecordedResource,
  ManagedBy,
  RecordedFailure,
  RecordedResource,
  ResourceStatus,
} from './recorded-resource.ts';

/** Which project and environment a control store is opened for. */
export interface Scope {
  readonly project: string;
  readonly environment: string;
}

export interface State {
  /** Fixed when the scope is first applied; null before. */
  readonly lineage: string | null;
  /** 0 before the first apply; grows by one with each apply that changes something. */
  readonly serial: number;
  readonly resources: readonly AnyRecordedResource[];
}

export interface LockHolder {
  readonly id: string;
  readonly who: string;
  readonly operation: string;
  readonly since: Date;
  /** By the store's clock. */
  readonly heldSeconds: number;
  readonly leaseEndsAt: Date;
}

export interface HeldLock {
  readonly id: string;
  /** Aborts, with AP101, when the lease could not be renewed: stop before the next step. */
  readonly lost: AbortSignal;
  /** Throws AP101 once the lease may have ended, also where this process slept through it and `lost` could not tell yet. */
  assertHeld(): void;
  /** Never fails for the connection: a lock that cannot be given back ends by itself. False then. */
  release(): Promise<boolean>;
}

export interface ApplyHead {
  readonly who: string;
  readonly planDigest: string;
  readonly specDigest: string;
  readonly gitCommit: string | null;
  /** The state that the plan was made from. Refused with AP102 when it has moved. */
  readonly lineage: string | null;
  readonly serial: number;
  /** Absolute path of the project root on this machine. */
  readonly root: string;
  readonly changes: number;
  /** What the history calls it. Default `apply`. */
  readonly operation?: string;
}

export interface StepIntent {
  readonly address: Address;
  readonly kind: Kind;
  readonly name: string;
  readonly action: 'create' | 'update' | 'delete';
  /** The resource as it will be; for a delete as it was. */
  readonly spec: JsonObject;
  readonly digest: string;
  readonly dependsOn: readonly Address[];
  readonly protect: boolean;
  readonly reason: string;
}

/** One resource under a new name, with everything that is kept under its name. Both addresses have one kind. */
export interface Rename {
  readonly from: Address;
  readonly to: Address;
}

/** Who changes the state by hand, and the state that it was decided on: AP102 where it moved. */
export interface StateEdit {
  readonly who: string;
  readonly gitCommit: string | null;
  readonly lineage: string | null;
  readonly serial: number;
}

export interface ApplyRecord {
  readonly id: string;
  readonly who: string;
  readonly startedAt: Date;
  readonly endedAt: Date | null;
  readonly outcome: 'succeeded' | 'failed' | 'interrupted' | null;
  readonly serialBefore: number;
  readonly serialAfter: number;
  readonly planDigest: string;
  readonly gitCommit: string | null;
  readonly changes: number;
}

/** The journal of one apply. Rules: an effect starts only after its intent is durable; it is done only after its outcome is. */
export interface ApplyJournal {
  readonly applyId: string;
  /**
   * One transaction, durable when it resolves: records, data and history of all of them are under the new names, and what
   * depends on them says so. In this order: a name is taken after it was given up. AP108 where one cannot be done; then none is.
   */
  rename(renames: readonly Rename[]): Promise<void>;
  /** Durable when it resolves. The resource is recorded as creating, updating or deleting. Calls that overlap share a commit. */
  intent(step: StepIntent): Promise<void>;
  /** Durable when it resolves: the resource as recorded (or gone), with one audit entry. */
  done(address: Address, outputs: JsonObject): Promise<void>;
  /** Durable when it resolves. The resource keeps its intermediate status. `message` holds no secret. */
  failed(address: Address, message: string, code?: DiagnosticCode | null): Promise<void>;
  end(outcome: 'succeeded' | 'failed' | 'interrupted'): Promise<void>;
}

export interface AuditEntry {
  readonly id: string;
  readonly at: Date;
  readonly who: string;
  /** e.g. `resource.update`, `model.promote`, `run.cancel`. */
  readonly action: string;
  readonly subject: string;
  readonly detail: JsonObject;
  readonly applyId: string | null;
  readonly gitCommit: string | null;
}

export interface StateStore {
  /** One consistent snapshot, on a read-only connection: nothing is written, not even the scope. */
  read(): Promise<State>;
  /** AP101 with the holder where another holds an unexpired lease. Renewed by itself until released. */
  lock(who: string, operation: string): Promise<HeldLock>;
  lockHolder(): Promise<LockHolder | null>;
  /** By hand. False where no lock has that id. */
  unlock(id: string): Promise<boolean>;
  /** Opens the journal and counts the serial up. AP102 when lineage or serial moved. The caller holds the lock. */
  beginApply(head: ApplyHead): Promise<ApplyJournal>;
  applies(limit: number): Promise<readonly ApplyRecord[]>;
  /**
   * One resource written outside an apply, by the HTTP interface: upsert with managed_by 'api', serial + 1, one audit entry.
   * API409 where the address is managed by apply.
   */
  putFromApi(step: Omit<StepIntent, 'action' | 'reason'>, who: string, outputs: JsonObject): Promise<void>;
  /**
   * Resources that the HTTP interface made, taken over as they are recorded: managed_by 'apply', serial + 1, one audit entry each.
   * All or none: AP117 where one is not as it was read. The caller holds the lock.
   */
  adopt(resources: readonly Pick<RecordedResource, 'address' | 'digest'>[], who: string): Promise<void>;
  /** As a journal's `rename`, without an apply: serial + 1. The caller holds the lock. */
  move(renames: readonly Rename[], by: StateEdit): Promise<void>;
  /** The record goes, with one audit entry; what it stood for stays as it is: serial + 1. The caller holds the lock. */
  forget(address: Address, by: StateEdit): Promise<void>;
  readonly history: StateHistory;
  audit(entry: Pick<AuditEntry, 'who' | 'action' | 'subject' | 'detail'>): Promise<void>;
  auditLog(limit: number): Promise<readonly AuditEntry[]>;
}
