/** A resource as the state records it. */
import type { DiagnosticCode } from '../../lib/codes.ts';
import type { JsonObject } from '../../lib/json.ts';
import type { Address } from '../../spec/address.ts';
import type { CanonicalSpecs } from '../../spec/canonical-specs.ts';
import type { Kind } from '../../spec/kinds.ts';

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
  /** What its last step failed with; absent where it did not, or was cut off. */
  readonly failure?: RecordedFailure;
  /** Names that it had and still answers to; absent where there are none. */
  readonly formerNames?: readonly string[];
  readonly createdAt: Date;
  readonly updatedAt: Date;
}

/** Words that may be shown: no secret in them. */
export interface RecordedFailure {
  readonly code: DiagnosticCode | null;
  readonly message: string;
  readonly at: Date;
  readonly who: string;
  readonly applyId: string;
}

export type AnyRecordedResource = { [K in Kind]: RecordedResource<K> }[Kind];
