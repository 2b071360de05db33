/**
 * What the stores hold, beside what is recorded of them: read by `plan --refresh-only` and turned into drift by plan/drift.ts.
 * A part that could not be read says why; nothing is taken for right because it was not looked at.
 */
import type { Column } from '../../spec/column.ts';
import type { EndpointModel } from '../../spec/endpoint-models.ts';

export type Reading<T> = { readonly found: T } | { readonly problem: string };

export interface Observed {
  readonly control: Reading<readonly ControlDifference[]>;
  /** Of the versions of feature sets that serve or are being filled, and the newest snapshots of sources. */
  readonly offline: Reading<readonly ObservedTable[]>;
  readonly online: Reading<readonly ObservedOnline[]>;
  readonly artifacts: Reading<readonly ObservedArtifact[]>;
  readonly registry: Reading<readonly RegistryDifference[]>;
  readonly sources: Reading<readonly ObservedSource[]>;
}

/** Where the control store's schema or rights are not as its migrations make them. */
export interface ControlDifference {
  readonly aspect: 'table' | 'schema' | 'guard' | 'privilege' | 'grant' | 'behind';
  /** e.g. `index applies_open of mlops.applies` */
  readonly object: string;
  readonly problem: string;
  readonly fix: string;
}

/** What one look at a table of the offline store told. */
export type TableState =
  | { readonly state: 'whole'; readonly rows: number; readonly columns: readonly Column[] }
  | { readonly state: 'missing' }
  | { readonly state: 'damaged'; readonly why: string };

export interface ObservedTable {
  readonly of:
    | { readonly source: string }
    | { readonly set: string; readonly version: number; readonly pushed: boolean };
  readonly location: string;
  readonly rows: number;
  /** As recorded; an empty type: only the name is. */
  readonly columns: readonly Column[];
  readonly is: TableState;
  /** Of a source: the feature sets that read it. */
  readonly readBy: readonly string[];
}

/** A version that serves, and what the online store has of it. */
export interface ObservedOnline {
  readonly set: string;
  readonly version: number;
  /** The greatest sequence of its recorded parts. */
  readonly sequence: number;
  readonly rows: number;
  /** `absent`: there is no store at all. */
  readonly is:
    | { readonly state: 'absent' }
    | { readonly state: 'lost' }
    | { readonly state: 'emptied' }
    | { readonly state: 'filled'; readonly sequence: number };
}

export interface ObservedArtifact {
  readonly of:
    | { readonly pipeline: string; readonly task: string; readonly file: string }
    | {
        readonly model: string;
        readonly version: number;
        readonly id: string;
        readonly stage: string;
        readonly path: string;
      };
  readonly digest: string;
  /** Null where it was not recorded. */
  readonly bytes: number | null;
  /** Null: it is not in the store. */
  readonly storedBytes: number | null;
}

export type RegistryDifference =
  | {
      readonly about: 'endpoint';
      readonly endpoint: string;
      readonly role: EndpointModel['role'];
      /** The variant or the shadow. */
      readonly variant: string;
      /** Of an ensemble. */
      readonly member?: string;
      readonly model: string;
      /** What it follows: `stage production`, `version 3`. */
      readonly follows: string;
      /** The newest version; there is one, else nothing was ever registered and nothing is lost. */
      readonly newest: number;
    }
  | {
      readonly about: 'version';
      readonly model: string;
      readonly version: number;
      readonly stage: string;
      /** Feature sets that it reads and that nothing declares any more. */
      readonly sets: readonly string[];
    };

export interface ObservedSource {
  readonly source: string;
  readonly file: string;
  /** As recorded when it was last applied or ingested; null where neither happened. */
  readonly columns: readonly Column[] | null;
  readonly is:
    | { readonly state: 'gone' }
    | { readonly state: 'unreadable'; readonly why: string }
    | { readonly state: 'read'; readonly columns: readonly Column[] };
}
