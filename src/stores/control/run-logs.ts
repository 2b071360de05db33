/** What attempts printed: as it is kept, and where to look for a text in it. */
import type { LogChunk } from './leases.ts';

/** A part of a log as it is kept. */
export interface StoredLogChunk extends LogChunk {
  /** When it came in. */
  readonly at: Date;
}

export interface LogPlace {
  readonly runId: string;
  readonly task: string;
  readonly attempt: number;
}

export interface LogCandidatesRequest {
  readonly pipeline: string;
  /** What one line holds; with `foldsCase` it is lower case and so is what it is compared with. */
  readonly text: { readonly needle: string; readonly foldsCase: boolean } | null;
  /** A regular expression, any case; counts where no text is asked for. Null with a null text: no attempt is named. */
  readonly pattern: string | null;
  /** Runs made before are not looked at. */
  readonly since: Date | null;
  /** Opaque, from the answer before. */
  readonly cursor: string | null;
  /** How many runs to look at. */
  readonly runs: number;
  /** Null: as long as it takes. */
  readonly withinMs: number | null;
}

export interface LogCandidates {
  /** How many runs were looked at. */
  readonly runs: number;
  /** Attempts whose log may hold it: newest runs first, then in the order of the pipeline. */
  readonly places: readonly LogPlace[];
  /** Of the last run that was looked at: when it was made, and its id. */
  readonly oldest: Date | null;
  readonly lastRun: string | null;
  /** Null: there are no more. */
  readonly nextCursor: string | null;
}
