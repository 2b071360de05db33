/**
 * The online store: the newest record of each entity key, per feature set and version. Keys come encoded by type
 * (`features/entity-key.ts`), so a store compares bytes. ttl and status are the reader's affair.
 */

/** One version of a feature set. */
export interface OnlineTable {
  /** Its storage name: the set's when the version was registered. */
  readonly set: string;
  readonly version: number;
}

/** What records of one key are ordered by. */
export interface RecordOrder {
  /** Microseconds since 1970. */
  readonly eventTime: bigint;
  /** Null where the set has no created time. Orders after event time; null is the smallest. */
  readonly createdTime: bigint | null;
  /** The order of ingestion, which breaks the last tie. */
  readonly sequence: number;
}

export interface OnlineRecord extends RecordOrder {
  /** By feature: boolean, number, bigint beyond 2^53, text or null; a list of these; an embedding as Float32Array. */
  readonly values: Readonly<Record<string, unknown>>;
}

/** A record that was read: its values in a row, their names in a list that records of one kind share. */
export class StoredRecord implements OnlineRecord {
  readonly eventTime: bigint;
  readonly createdTime: bigint | null;
  readonly sequence: number;
  readonly columns: readonly string[];
  readonly row: readonly unknown[];
  constructor(order: RecordOrder, columns: readonly string[], row: readonly unknown[]) {
    this.eventTime = order.eventTime;
    this.createdTime = order.createdTime;
    this.sequence = order.sequence;
    this.columns = columns;
    this.row = row;
  }

  /** Made anew each time. */
  get values(): Record<string, unknown> {
    const values: Record<string, unknown> = {};
    for (let at = 0; at < this.columns.length; at += 1) values[this.columns[at] as string] = this.row[at];
    return values;
  }
}

/** How far the recorded rows are in the store: through this sequence, and with what was visible at this time. */
export interface OnlineProgress {
  readonly sequence: number;
  /** Microseconds since 1970. */
  readonly visibleAt: bigint;
}

export interface OnlineTableState {
  readonly progress: OnlineProgress | undefined;
  /** There is no record of any key. */
  readonly empty: boolean;
}

export interface OnlineHealth {
  /** What it is and where, without secrets. */
  readonly detail: string;
  /** What about its set-up endangers what it promises. */
  readonly warnings: readonly string[];
}

export interface OnlineStore {
  /**
   * Writes each record unless the one there is newer by (event time, created time, sequence): atomically, whoever else
   * writes. Durable when it resolves. Returns how many were written.
   */
  write(
    table: OnlineTable,
    records: readonly { readonly key: Uint8Array; readonly record: OnlineRecord }[],
  ): Promise<number>;
  /** One round trip for any number of tables and keys; undefined where there is no record. */
  read(
    requests: readonly { readonly table: OnlineTable; readonly keys: readonly Uint8Array[] }[],
  ): Promise<readonly (readonly (StoredRecord | undefined)[])[]>;
  /** The same at once, of a store in this process that is open; undefined where it has to be waited for. */
  readNow?(
    requests: readonly { readonly table: OnlineTable; readonly keys: readonly Uint8Array[] }[],
  ): readonly (readonly (StoredRecord | undefined)[])[] | undefined;
  /** Lost with the records, so that a store that was emptied is filled again. Undefined before the first. */
  progress(table: OnlineTable): Promise<OnlineProgress | undefined>;
  /** Refused (ST120) where what was written since `progress` was read may be lost: a server that went away meanwhile. */
  setProgress(table: OnlineTable, progress: OnlineProgress): Promise<void>;
  /** What the store has of each table, in order; undefined where there is no store. Reads only: nothing is made. */
  inspect(tables: readonly OnlineTable[]): Promise<readonly OnlineTableState[] | undefined>;
  /**
   * Every record that is there from start to end, in batches; one may come twice, and what is written meanwhile may be among them. `key`
   * writes and reads it in any table.
   */
  scan(table: OnlineTable): AsyncIterable<readonly { readonly key: Uint8Array; readonly record: OnlineRecord }[]>;
  /** Removes the table's records and progress. */
  drop(table: OnlineTable): Promise<void>;
  /** Throws, in bounded time, where the store cannot be used now. */
  check(): Promise<OnlineHealth>;
  close(): Promise<void>;
}

/** Whether `next` replaces `current`. The one rule, for every store that compares in this process. */
export function replaces(next: RecordOrder, current: RecordOrder): boolean {
  if (next.eventTime !== current.eventTime) return next.eventTime > current.eventTime;
  if (next.createdTime !== current.createdTime) {
    if (next.createdTime === null) return false;
    return current.createdTime === null || next.createdTime > current.createdTime;
  }
  return next.sequence >= current.sequence;
}
