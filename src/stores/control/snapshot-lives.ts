/**
 * Which snapshots of sources are let go. Needed are the newest of each source that is applied, those that a recorded training set was
 * made from, those that a version of a feature set that lives was last filled from, and those that somebody reads now. Any other is let go some time after another
 * took its place, or its source went.
 *
 *     recorded ──(nothing needs it)──► gone: nobody is given it any more ──(its table is deleted)──► forgotten
 */

export interface UnneededSnapshot {
  readonly source: string;
  readonly digest: string;
  readonly location: string;
  readonly rows: number;
  readonly bytes: number;
  /** Since when nothing needs it: another took its place, or its source was destroyed. */
  readonly since: Date;
}

/** Snapshots that are being read: none of them is let go until it is released, or its lease has ended. */
export interface SnapshotReading {
  renew(leaseMs: number): Promise<void>;
  release(): Promise<void>;
}

export interface SnapshotLives {
  /** Undefined where one of the locations is gone already: then none of them is held. `reader`: who reads, for people. */
  readSnapshots(locations: readonly string[], reader: string, leaseMs: number): Promise<SnapshotReading | undefined>;
  /** Those that nothing has needed for so long, the oldest first. `applied`: the sources that there are. */
  unneededSnapshots(applied: readonly string[], keepMs: number): Promise<readonly UnneededSnapshot[]>;
  /** One transaction: they are gone. A training set that is recorded meanwhile either keeps what it was made from or is refused. */
  letSnapshotsGo(applied: readonly string[], keepMs: number): Promise<readonly UnneededSnapshot[]>;
  /** Locations of those that are gone and not forgotten, also of a process that was killed. */
  goneSnapshots(): Promise<readonly string[]>;
  /**
   * Forgets what is gone of this location. `remove` runs before, unless a newer snapshot has the same location; it is told the
   * locations of all that are recorded. Nothing of the location is recorded meanwhile.
   */
  forgetSnapshot(location: string, remove: (recorded: readonly string[]) => Promise<void>): Promise<void>;
}
