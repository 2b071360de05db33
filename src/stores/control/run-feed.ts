/**
 * The events of all runs, as a feed that can be left and taken up again anywhere, with nothing lost or doubled. A position is what a
 * reader has seen: everything that was committed when a snapshot was taken, and of what came since then a beginning.
 */
import type { RunStatus, TaskStatus } from './run-states.ts';
import type { RunEvent } from './runs.ts';

export interface FeedEvent extends RunEvent {
  readonly runId: string;
  readonly pipeline: string;
  /** Where a reader is that has seen this one. */
  readonly position: string;
}

export interface FeedFilter {
  readonly pipeline?: string | undefined;
  readonly runId?: string | undefined;
  /** Of runs themselves, or of their tasks. Default: both. */
  readonly of?: 'run' | 'task' | undefined;
  readonly statuses?: readonly (RunStatus | TaskStatus)[] | undefined;
}

export interface RunFeed {
  /** Everything that is committed by now was seen. */
  now(): Promise<string>;
  /**
   * At most so many of the events that were committed after the position. Those of a run come in their order; those of several runs, of what
   * came at once, run by run. `position` is where a reader is then, also where nothing passed the filter. `more`: there may be others at once.
   * API400 where the position is none of this store's.
   */
  after(
    position: string,
    filter: FeedFilter,
    limit: number,
  ): Promise<{ readonly events: readonly FeedEvent[]; readonly position: string; readonly more: boolean }>;
}
