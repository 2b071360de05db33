/** The plan: a value that says what would be done to one environment, and the state it was made from. It is its own JSON (`mlops.plan/1`). */
import type { DiagnosticCode } from '../lib/codes.ts';
import type { Severity } from '../lib/diagnostics.ts';
import type { Address } from '../spec/address.ts';
import type { Kind } from '../spec/kinds.ts';
import type { Rules } from '../spec/project.ts';
import type { Change, ChangeClass, Finding, FindingPlace } from './change.ts';
import type { SnapshotOutlook } from './snapshots-to-go.ts';

export const PLAN_FORMAT = 'mlops.plan/1';

/** `refresh`: nothing is to be changed; `drift` says where the stores are not as recorded. */
export type PlanMode = 'apply' | 'destroy' | 'refresh';

export interface UnmanagedResource {
  readonly address: Address;
  readonly kind: Kind;
  readonly name: string;
}

/** A resource or a store that is not as it was recorded. */
export interface Drift {
  /** A resource's, or a store's: `store.control`. */
  readonly address: string;
  readonly code: DiagnosticCode;
  readonly severity: Severity;
  readonly summary: string;
  readonly detail: string;
  readonly fix: string | null;
}

/** A choice that the specs do not make and the tool cannot. Nobody is asked: what is listed is what to paste where. */
export interface Decision {
  readonly kind: 'rename-or-create';
  readonly addresses: readonly Address[];
  readonly question: string;
  readonly options: readonly DecisionOption[];
}

export interface DecisionOption {
  /** What happens then. */
  readonly meaning: string;
  /** The lines that say so, as TypeScript and YAML both take them; null: leave the specs as they are. */
  readonly paste: string | null;
  readonly at: FindingPlace | null;
}

/** What a policy says against the plan: a sentence, and the changes that it is about, where it names them. */
export interface PolicyViolation {
  readonly message: string;
  readonly addresses: readonly string[];
}

/** What a policy said of the plan. */
export interface PolicyResult {
  readonly address: Address;
  /** `state`: as it is recorded; it holds until the plan that changes or removes it is applied. */
  readonly from: 'specs' | 'state';
  readonly enforcement: 'warn' | 'deny';
  /** `errored`: it could not be evaluated; that holds back like a violation. */
  readonly outcome: 'passed' | 'violated' | 'errored';
  /** All its messages, one a line, or why it could not be evaluated; null where it passed. */
  readonly message: string | null;
  /** Of all its violations, sorted. */
  readonly addresses: readonly string[];
  readonly violations: readonly PolicyViolation[];
  readonly at: FindingPlace | null;
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
  /** Findings that a resource lets pass, each with its reason. */
  readonly suppressed: number;
  /** Policies that hold the plan back: it cannot be applied. */
  readonly denied: number;
  /** The gravest class of all changes; null where nothing changes. */
  readonly class: ChangeClass | null;
  /** All that has to be computed again, each set once. Absent in plans made before it was; null where nothing has to. */
  readonly recompute?: RecomputeTotal | null;
  /** Snapshots of sources that go by themselves. Absent in plans made before it was; null: not known. */
  readonly snapshots?: SnapshotOutlook | null;
}

/** What is not known of one of them is not known of all: null, never 0. */
export interface RecomputeTotal {
  readonly featureSets: readonly Address[];
  readonly rows: number | null;
  readonly bytes: number | null;
  readonly estimatedSeconds: number | null;
  /** Those of which rows or speed are not known. */
  readonly unknown: readonly Address[];
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
  /** There is something to do, no error stands against it and no policy denies it. */
  readonly applyable: boolean;
  /** A finding is an error. */
  readonly errored: boolean;
  /** False where `targets` left something out. */
  readonly complete: boolean;
  readonly targets: readonly Address[];
  /** Changes that `targets` leave out, sorted: without them the environment is not as the specs say. */
  readonly leftOut: readonly Address[];
  /** The specs are those that were applied at this serial; null: they are the project's. */
  readonly against: number | null;
  /** In the order in which they can be made: what is depended on first, deletes after what needed them. No-ops included. */
  readonly changes: readonly Change[];
  readonly drift: readonly Drift[];
  readonly decisions: readonly Decision[];
  readonly policies: readonly PolicyResult[];
  /** What the project sets: how findings count that would count otherwise. */
  readonly rules: Rules;
  /** Made through the HTTP interface and not in the specs: listed, never destroyed. */
  readonly unmanaged: readonly UnmanagedResource[];
  readonly summary: PlanSummary;
}

export function findingsOf(plan: Plan): readonly (Finding & { readonly address: Address })[] {
  return plan.changes.flatMap((change) => change.findings.map((finding) => ({ ...finding, address: change.address })));
}

/** A store is not as recorded; what is only to know does not count. */
export function hasDrift({ drift }: Plan): boolean {
  return drift.some(({ severity }) => severity !== 'info');
}

/** Something to do, errors or not. */
export function hasChanges(plan: Plan): boolean {
  const { create, update, delete: deletes, forget } = plan.summary;
  return create + update + deletes + forget > 0;
}
