/** When rows became known and when they stood online: what tells why an answer was not what is known by now. */

export interface OnlineFill {
  /** Rows through this one are online. */
  readonly sequence: number;
  /** With what was visible at this time, in microseconds since 1970. */
  readonly visibleAt: bigint;
  /** The online store had lost what it held before. */
  readonly refilled: boolean;
  readonly at: Date;
}

/** online: served and never recorded. offline: recorded, and served with the next materialization. */
export type PushedTo = 'online' | 'offline' | 'both';

export interface PushTime {
  readonly sequence: number;
  readonly to: PushedTo;
  /** To the second. */
  readonly from: Date;
  readonly until: Date;
}

/** Both included. */
export interface SequenceRange {
  readonly first: number;
  readonly last: number;
}

export interface ServedHistory {
  /** A materialization wrote a version online. */
  noteFill(
    set: string,
    version: number,
    fill: Omit<OnlineFill, 'at' | 'refilled'> & { readonly anew: boolean },
  ): Promise<void>;
  /** Of a version, the oldest first. */
  fills(set: string, version: number): Promise<readonly OnlineFill[]>;
  /** Of rows of a set that were pushed, to any of its versions. */
  pushTimes(set: string, sequences: readonly number[]): Promise<readonly PushTime[]>;
  /** Of a set: what was pushed to the online store alone with a lesser sequence, as ranges in order; within a second other rows may lie between. */
  onlineOnly(set: string, before: number): Promise<readonly SequenceRange[]>;
  /** When parts of a version were recorded, by their sequence. */
  recordedAt(set: string, version: number): Promise<ReadonlyMap<number, Date>>;
}
