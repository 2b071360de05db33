/** What the daemons that answer requests serve, as they tell it themselves. One scope. */

export interface ServedVariant {
  readonly endpoint: string;
  readonly variant: string;
  readonly model: string;
  /** Null where nothing is served. */
  readonly version: number | null;
  /** Why the version that it should serve is not served. */
  readonly failure: { readonly version: number | null; readonly code: string | null; readonly detail: string } | null;
}

export interface ServingReport {
  /** For people: `host pid 4711`. */
  readonly name: string;
  readonly serves: readonly ServedVariant[];
}

export interface ServingReportStore {
  /** In place of what the daemon told before; those not heard of for a while are forgotten. */
  tell(daemon: string, report: ServingReport): Promise<void>;
  forget(daemon: string): Promise<void>;
  /** Of the daemons that were heard of within the last seconds. */
  list(withinMs: number): Promise<readonly ServingReport[]>;
}
