/* Generated from schemas/plan.schema.json by scripts/generate-types.mjs: do not edit. */

export type PlanDigest = string;
/**
 * `kind.name`
 */
export type PlanAddress = string;
export type PlanKind =
  | 'source'
  | 'entity'
  | 'feature_set'
  | 'feature_service'
  | 'pipeline'
  | 'model'
  | 'endpoint'
  | 'policy'
  | 'environment';
/**
 * From harmless to grave.
 */
export type PlanClass = 'safe' | 'backfill' | 'new-version' | 'breaking' | 'destructive';
/**
 * See docs/codes.md.
 */
export type PlanCode = string;
export type PlanSeverity = 'error' | 'warning' | 'info';
/**
 * The place in the specs; null where there is none any more. Lines and columns count from 1.
 */
export type PlanPlace = {
  file: string;
  line: number;
  column: number;
} | null;
export type PlanCount = number;

/**
 * What `mlops plan --json` writes, format `mlops.plan/1`. Members may be added; a reader ignores what it does not know. What is not known is null, never 0.
 */
export interface PlanJson {
  format: 'mlops.plan/1';
  /**
   * `destroy`: a plan of `--destroy`; `refresh`: of `--refresh-only`.
   */
  mode: 'apply' | 'destroy' | 'refresh';
  project: string;
  environment: string;
  /**
   * Names the state that the plan was made from; null before the first apply.
   */
  lineage: string | null;
  /**
   * Counts the changes of that state.
   */
  serial: number;
  /**
   * Over all specs.
   */
  specDigest: PlanDigest;
  /**
   * The commit that was checked out; null without git.
   */
  gitCommit: string | null;
  /**
   * There is something to do, no error stands against it and no policy denies it.
   */
  applyable: boolean;
  /**
   * A finding is an error.
   */
  errored: boolean;
  /**
   * False where `targets` left something out.
   */
  complete: boolean;
  targets: PlanAddress[];
  /**
   * Changes that `targets` leave out, sorted.
   */
  leftOut: PlanAddress[];
  /**
   * With `--against`: the serial whose specs the plan goes back to; else null.
   */
  against: number | null;
  /**
   * In the order in which they can be made: what is depended on first, deletes after what needed them. No-ops included.
   */
  changes: PlanChange[];
  /**
   * Resources that are not as they were recorded.
   */
  drift: {
    /**
     * A resource, or a store: `store.control`.
     */
    address: string;
    code: PlanCode;
    severity: PlanSeverity;
    summary: string;
    detail: string;
    fix: string | null;
  }[];
  /**
   * Choices that the specs do not make and the tool cannot: what to paste where.
   */
  decisions: {
    kind: 'rename-or-create';
    addresses: PlanAddress[];
    question: string;
    options: {
      meaning: string;
      /**
       * null: leave the specs as they are.
       */
      paste: string | null;
      at: PlanPlace;
    }[];
  }[];
  /**
   * What each policy said of the plan.
   */
  policies: {
    address: string;
    /**
     * `state`: as it is recorded; it holds until the plan that changes or removes it is applied.
     */
    from: 'specs' | 'state';
    enforcement: 'warn' | 'deny';
    /**
     * `errored`: it could not be evaluated; that holds back like a violation.
     */
    outcome: 'passed' | 'violated' | 'errored';
    /**
     * All its messages, one a line, or why it could not be evaluated; null where it passed.
     */
    message: string | null;
    /**
     * The changes that it is about, where it names them; sorted.
     */
    addresses: string[];
    violations: {
      message: string;
      addresses: string[];
    }[];
    at: PlanPlace;
  }[];
  /**
   * The project's `rules`: how findings with a code count that would count otherwise.
   */
  rules: {
    [k: string]: 'error' | 'warn' | 'off';
  };
  /**
   * Made through the HTTP interface and not in the specs: listed, never destroyed.
   */
  unmanaged: {
    address: PlanAddress;
    kind: PlanKind;
    name: string;
  }[];
  summary: {
    /**
     * A replace counts here and in `delete`.
     */
    create: PlanCount;
    update: PlanCount;
    delete: PlanCount;
    forget: PlanCount;
    noOp: PlanCount;
    unmanaged: PlanCount;
    errors: PlanCount;
    warnings: PlanCount;
    /**
     * Findings that a resource lets pass, with a reason.
     */
    suppressed: PlanCount;
    /**
     * Policies that hold the plan back.
     */
    denied: PlanCount;
    /**
     * Snapshots of sources that are deleted by themselves; null: not known.
     */
    snapshots?: {
      /**
       * `snapshots.keep` of the environment: how long one stays once nothing needs it.
       */
      keep: string;
      goes: {
        source: string;
        snapshots: number;
        bytes: number;
        /**
         * When the first of them is deleted, unless something needs it until then; null: so long after this plan is applied.
         */
        from: string | null;
      }[];
    } | null;
    /**
     * All that has to be computed again, each feature set once; null where nothing has to.
     */
    recompute?: {
      featureSets: PlanAddress[];
      rows: number | null;
      bytes: number | null;
      estimatedSeconds: number | null;
      /**
       * Those of which rows or speed are not known.
       */
      unknown: PlanAddress[];
    } | null;
    /**
     * The gravest class of all changes; null where nothing changes.
     */
    class: PlanClass | null;
  };
  /**
   * With `--fail-on`: the changes, or the policies, that hold the plan back. The exit code is 3 where there is one.
   */
  gate?: {
    failOn: 'breaking' | 'destructive' | 'policy';
    blocked: PlanAddress[];
  };
}
export interface PlanChange {
  address: PlanAddress;
  kind: PlanKind;
  name: string;
  /**
   * Where the resource is recorded now, when this change renames it with its data; else null.
   */
  previousAddress: PlanAddress | null;
  /**
   * A replace is two actions in order.
   *
   * @minItems 1
   * @maxItems 2
   */
  actions: ('create' | 'update' | 'delete' | 'no-op' | 'forget')[];
  reason: string;
  /**
   * The spec as recorded; null before a create.
   */
  before: {
    [k: string]: unknown;
  } | null;
  /**
   * The spec as it will be; null after a delete.
   */
  after: {
    [k: string]: unknown;
  } | null;
  beforeSensitive: PlanSensitive;
  afterSensitive: PlanSensitive;
  /**
   * `true` where a value becomes known when it is applied.
   */
  afterUnknown: {
    [k: string]: unknown;
  };
  diffs: {
    /**
     * JSON pointer into the spec.
     */
    path: string;
    /**
     * null: absent
     */
    before:
      | null
      | boolean
      | number
      | string
      | unknown[]
      | {
          [k: string]: unknown;
        };
    /**
     * null: absent
     */
    after:
      | null
      | boolean
      | number
      | string
      | unknown[]
      | {
          [k: string]: unknown;
        };
  }[];
  class: PlanClass;
  findings: PlanFinding[];
  impact: {
    /**
     * Everything that depends on the resource, directly or not, sorted.
     */
    downstream: PlanAddress[];
    /**
     * Features whose values change, by lineage of columns, as `set.feature`; null: cannot be told. One of which it is not known what it reads counts in.
     */
    features: string[] | null;
    /**
     * The endpoints downstream.
     */
    endpoints: {
      address: PlanAddress;
      owner: string | null;
      /**
       * Predictions a day, over the last days.
       */
      requestsPerDay: number | null;
    }[];
    /**
     * Who read online what changes, over the last days, those who read most first; null: not known.
     */
    readers:
      | {
          /**
           * `key:NAME`, `http`, `endpoint:NAME` or `cli:WHO`.
           */
          reader: string;
          /**
           * Of the feature that it read most.
           */
          reads: number;
          /**
           * Of how many days they were counted.
           */
          days: number;
          features: string[];
        }[]
      | null;
    /**
     * Rows to compute again.
     */
    rows: number | null;
    /**
     * Days of event time that they span.
     */
    days: number | null;
    /**
     * Bytes that they take in the offline store.
     */
    bytes: number | null;
    estimatedSeconds: number | null;
    /**
     * Where the figures come from.
     */
    basis: string | null;
  };
  /**
   * Over `after`, for a delete over `before`.
   */
  digest: PlanDigest;
  dependsOn: PlanAddress[];
  /**
   * As recorded; empty before a create.
   */
  dependedOn: PlanAddress[];
  protect: boolean;
  /**
   * The texts that its queries are on the store of the environment, where they are translated, by the pointer of the query. Absent: none changes.
   */
  runs?: {
    [k: string]: string;
  };
  /**
   * What is recorded beside the spec when this is applied: the columns of a source's file, the columns that each feature is made from.
   */
  observed?: {
    columns?: {
      name: string;
      type: string;
    }[];
    /**
     * By feature, as `source.column`; null: it may be any.
     */
    lineage?: {
      [k: string]: string[] | null;
    };
  };
}
/**
 * `true` where the value is a reference to a secret, in an object of the same shape.
 */
export interface PlanSensitive {
  [k: string]: unknown;
}
export interface PlanFinding {
  code: PlanCode;
  severity: PlanSeverity;
  summary: string;
  detail: string;
  at: PlanPlace;
  /**
   * What to do about it.
   */
  fix: string | null;
  /**
   * The reason that the resource gives for letting it pass; null: it counts.
   */
  suppressed: string | null;
}
