/**
 * The recorded state of one project and environment: its resources, the journal of applies, the lock.
 * Every method speaks of that one scope; nothing here touches another's.
 */
import type { JsonObject } from '../../lib/json.ts';
import type { Address } from '../../spec/address.ts';
import type { CanonicalSpecs } from '../../spec/canonical-specs.ts';
import type { Kind } from '../../spec/kinds.ts';

/** Which project and environment a control store is opened for. */
export interface Scope {
  readonly project: string;
  readonly environment: string;
}

export type ManagedBy = 'apply' | 'api';

/**
 * ready: as recorded. creating, updating, deleting: an apply was interrupted between a change's intent and its outcome;
 * `spec` is then what was intended, and the next apply takes the change up again.
 */
export type ResourceStatus = 'ready' | 'creating' | 'updating' | 'deleting';

export interface RecordedResource<K extends Kind = Kind> {
  readonly address: Address;
  readonly kind: K;
  readonly name: string;
  readonly spec: CanonicalSpecs[K];
  readonly digest: string;
  readonly dependsOn: readonly Address[];
  readonly protect: boolean;
  readonly managedBy: ManagedBy;
  readonly status: ResourceStatus;
  /** What the handler learned when it applied it, e.g. `{ version: 2 }` of a feature set. */
  readonly outputs: JsonObject;
  readonly createdAt: Date;
  readonly updatedAt: Date;
}

export type AnyRecordedResource = { [K in Kind]: RecordedResource<K> }[Kind];

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
  /** Durable when it resolves. The resource is recorded as creating, updating or deleting. Calls that overlap share a commit. */
  intent(step: StepIntent): Promise<void>;
  /** Durable when it resolves: the resource as recorded (or gone), with one audit entry. */
  done(address: Address, outputs: JsonObject): Promise<void>;
  /** Durable when it resolves. The resource keeps its intermediate status. `message` holds no secret. */
  failed(address: Address, message: string): Promise<void>;
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
  audit(entry: Pick<AuditEntry, 'who' | 'action' | 'subject' | 'detail'>): Promise<void>;
  auditLog(limit: number): Promise<readonly AuditEntry[]>;
}
