/** Files that tasks of a run left for those after them: which, and where their content is. One scope. */
import type { LeaseRef } from './runs.ts';

export interface RunArtifact {
  readonly task: string;
  /** With forward slashes, below the task's directory of artifacts. */
  readonly path: string;
  /** SHA-256 in the artifact store. */
  readonly digest: string;
  readonly bytes: number;
}

export interface RunArtifactStore {
  /** Of an attempt that holds its lease; false where it was lost. They are the task's once the attempt succeeded. */
  add(lease: LeaseRef, artifacts: readonly Omit<RunArtifact, 'task'>[]): Promise<boolean>;
  /**
   * Those of runs that were made so long ago and have ended, at most of so many runs, are forgotten. `remove` gets the content that none refers to any
   * more; nothing is added meanwhile. Answers of how many runs.
   */
  prune(olderThanMs: number, runs: number, remove: (digests: readonly string[]) => Promise<void>): Promise<number>;
  /** Of the tasks named, else of all, that succeeded; in the order of tasks and paths. */
  list(runId: string, tasks?: readonly string[]): Promise<readonly RunArtifact[]>;
}
