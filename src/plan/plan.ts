/** The plan: a value that says what would be done to one environment, and the state it was made from. It is its own JSON (`mlops.plan/1`). */
import type { Address } from '../spec/address.ts';
import type { Kind } from '../spec/kinds.ts';
import type { Change, ChangeClass, Finding } from './change.ts';

export const PLAN_FORMAT = 'mlops.plan/1';

export type PlanMode = 'apply' | 'destroy';

export interface UnmanagedResource {
  readonly address: Address;
  readonly kind: Kind;
  readonly name: string;
}

/** A resource that is not as it was recorded. */
export interface Drift {
  readonly address: Address;
  readonly detail: string;
}

export interface PlanSummary {
  /** A replace counts in `create` and in `delete`. */
  readonly create: number;
  readonly update: number;
  readonly delete: number;
  readonly forget: number;
  readonly noOp: number;
  readonly unmanaged: number;
  readonly errors: number;
  readonly warnings: number;
  /** The gravest class of all changes; null where nothing changes. */
  readonly class: ChangeClass | null;
}

export interface Plan {
  readonly format: typeof PLAN_FORMAT;
  readonly mode: PlanMode;
  readonly project: string;
  readonly environment: string;
  /** Null before the first apply. */
  readonly lineage: string | null;
  readonly serial: number;
  readonly specDigest: string;
  /** The commit that the specs were read from; null without git. */
  readonly gitCommit: string | null;
  /** There is something to do, and no error stands against it. */
  readonly applyable: boolean;
  /** A finding is an error. */
  readonly errored: boolean;
  /** False where `targets` left something out. */
  readonly complete: boolean;
  readonly targets: readonly Address[];
  /** In the order in which they can be made: what is depended on first, deletes after what needed them. No-ops included. */
  readonly changes: readonly Change[];
  readonly drift: readonly Drift[];
  /** Made through the HTTP interface and not in the specs: listed, never destroyed. */
  readonly unmanaged: readonly UnmanagedResource[];
  readonly summary: PlanSummary;
}

export function findingsOf(plan: Plan): readonly (Finding & { readonly address: Address })[] {
  return plan.changes.flatMap((change) => change.findings.map((finding) => ({ ...finding, address: change.address })));
}

/** Something to do, errors or not. */
export function hasChanges(plan: Plan): boolean {
  const { create, update, delete: deletes, forget } = plan.summary;
  return create + update + deletes + forget > 0;
}
