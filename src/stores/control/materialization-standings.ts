/** When the versions of feature sets were last filled: what tells whether a schedule is kept. One scope. */

export interface MaterializationStanding {
  readonly set: string;
  /** The one that materializations work on: the newest. */
  readonly version: number;
  readonly registeredAt: Date;
  /** When a materialization of it last ended well; null where none did. */
  readonly filledAt: Date | null;
  /** A run that the set's own schedule made, or that was made of it by hand, is queued or runs. */
  readonly isUnderWay: boolean;
}

export interface MaterializationStandings {
  /** Of each set that has a version, or of one; a name that it had before finds it too. */
  standings(set?: string): Promise<readonly MaterializationStanding[]>;
  /** Since when the sets have the schedules that they have, by set: as far back as the history goes. */
  scheduledSince(sets: readonly string[]): Promise<ReadonlyMap<string, Date>>;
}
