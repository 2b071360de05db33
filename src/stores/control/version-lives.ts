/**
 * Which versions of feature sets live on beside the newest, and why: what reads them, and what was done about those that
 * nothing reads.
 */

/**
 * production, staging: the version of a model there. rollback: the one that a rollback would return to. candidate: the newest
 * of a model that is still in development. endpoint: one that a variant is pinned to.
 */
export type ReadAs = 'production' | 'staging' | 'rollback' | 'candidate' | 'endpoint';

/** A version of a model that learned from a version of a feature set, and would be asked with it. */
export interface VersionReader {
  /** Under the name that it has now. */
  readonly set: string;
  readonly version: number;
  readonly model: string;
  readonly modelVersion: number;
  /** The first that holds, in the order above. */
  readonly as: ReadAs;
}

/** A client that asks for a version by its number, over HTTP. */
export interface VersionAsked {
  /** Under the name that it has now. */
  readonly set: string;
  readonly version: number;
  /** `http` or `key:NAME`. */
  readonly reader: string;
  readonly lastAt: Date;
}

/** Methods that take a set's name also take one that it had before. */
export interface VersionLives {
  /** Of all sets, or of one; by set, version, model and model version. */
  readers(set?: string): Promise<readonly VersionReader[]>;
  /** Of all sets, or of one: those that asked within the last week for an older version than the one that serves. */
  asked(set?: string): Promise<readonly VersionAsked[]>;
  /**
   * One transaction: the version is retired, its parts and pushed rows are recorded no more, and the audit log says why. False,
   * and nothing is done, where it is the newest, nothing newer serves, it is kept, or something reads it. A promotion under way
   * is waited for, so that none can pass it by.
   */
  retire(set: string, version: number, why: string): Promise<boolean>;
  /** A retired version is registered again, to be filled as if it were new, and kept for so long whether something reads it or not. */
  revive(set: string, version: number, keptForMs: number): Promise<void>;
  /** What a retired version had in the stores is gone. */
  swept(set: string, version: number): Promise<void>;
  /** Parts of the version that recorded training sets were made from. */
  trainedFrom(set: string, version: number): Promise<readonly string[]>;
}
