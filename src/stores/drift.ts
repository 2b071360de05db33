/** How far what is predicted from lies from what was learned from: each input and output against the profile frozen with the version. */

export interface DriftFigure {
  /** Rows that were looked at, nulls included. */
  readonly count: number;
  /** Population stability index; null where one of the two has no value to compare. */
  readonly psi: number | null;
  /** Jensen-Shannon distance, 0 (the same) to 1 (nothing in common). */
  readonly js: number | null;
  /** Shares of rows without a value: as it was learned, and now. */
  readonly nulls: { readonly reference: number | null; readonly current: number };
}

export interface DriftFigures {
  /** By `set.feature`. */
  readonly inputs: Readonly<Record<string, DriftFigure>>;
  /** By `probability`, `value`, `label`. */
  readonly outputs: Readonly<Record<string, DriftFigure>>;
}
