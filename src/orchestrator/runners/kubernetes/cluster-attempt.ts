/** An attempt as the cluster's runner gets it. */
import type { JsonObject } from '../../../lib/json.ts';
import type { CanonicalTask } from '../../../spec/canonical-specs.ts';
import type { ExternalJob } from '../../../stores/control/external-work.ts';
import type { ProcessAttempt } from '../process-runner.ts';

export interface ClusterAttempt extends ProcessAttempt {
  readonly spec: CanonicalTask;
  readonly deadlineInMs: number | null;
  /** Of a worker before this one: its Job, and how far its log was taken. */
  readonly adopted: { readonly job: ExternalJob; readonly logPosition: JsonObject | null } | undefined;
  /** False: the lease is lost. */
  readonly recordJob: (job: ExternalJob) => Promise<boolean>;
  /** Its pod started so long ago: its time limit counts from there. */
  readonly onStarted: (elapsedMs: number) => void;
  readonly onWaiting: (what: string) => void;
  /** Whether the attempt was ended by the worker and goes on without it. */
  readonly isLeftRunning: () => boolean;
}
