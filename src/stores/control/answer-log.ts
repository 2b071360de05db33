/** Answers to reads of online features that were drawn to be kept, so that they can be replayed later. One scope. */
import type { JsonObject, JsonValue } from '../../lib/json.ts';

/** What of one version of a set was answered. */
export interface AnsweredSet {
  readonly version: number;
  /** As answered, by feature: null where it was not present. */
  readonly values: Readonly<Record<string, JsonValue>>;
  /** The record that was read; absent where there was none. */
  readonly sequence?: number;
  readonly event_time?: string;
  readonly expired?: true;
}

export interface NewAnswer {
  /** UUID. Logging the same id again changes nothing. */
  readonly id: string;
  /** Who asked, as reads are counted. */
  readonly reader: string;
  readonly entity: JsonObject;
  /** As of when it was read, ISO 8601 UTC, and by `set@version` as it was named then. */
  readonly reads: { readonly at: string; readonly sets: Readonly<Record<string, AnsweredSet>> };
  /** Of the read. */
  readonly latencyMs: number;
  /** Milliseconds since the answer, by a clock that never jumps: the store's own clock tells the time. */
  readonly ageMs: number;
}

export interface LoggedAnswer extends Omit<NewAnswer, 'ageMs'> {
  readonly at: Date;
}

export interface AnswerLogStore {
  /** Durable when it resolves. */
  append(answers: readonly NewAnswer[]): Promise<void>;
  /** Those from `since` on, the newest first. `after`: the last of the answer before. */
  list(request: {
    readonly since?: Date | undefined;
    readonly after?: Pick<LoggedAnswer, 'id' | 'at'> | undefined;
    readonly limit: number;
  }): Promise<readonly LoggedAnswer[]>;
  /** Forgets those that are older, and the oldest beyond `most`. */
  prune(limits: { readonly keepMs: number; readonly most: number }): Promise<void>;
}
