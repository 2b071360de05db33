/** What a worker is made with. */
import type { DeferralStore } from '../stores/control/deferrals.ts';
import type { Limits } from '../stores/control/limits.ts';
import type { RunArtifactStore } from '../stores/control/run-artifacts.ts';
import type { AttemptEnd, Demand, Lease, RunStore } from '../stores/control/runs.ts';
import type { OperatorContext } from './operators/operator.ts';
import type { runOperator } from './operators/operators.ts';
import type { KubernetesRunner } from './runners/kubernetes/kubernetes-runner.ts';
import type { ArtifactLimits } from './runners/task-artifacts.ts';
import type { OperatorServices } from './services.ts';
import type { TaskCache } from './task-cache.ts';
import type { Hints } from './waiting.ts';

export interface WorkerWatch {
  started(lease: Lease, operator: string): void;
  /** Its end was recorded; so many seconds after its start. */
  ended(lease: Lease, operator: string, end: AttemptEnd, seconds: number): void;
  lost(): void;
}

export interface WorkerOptions {
  readonly runs: RunStore;
  readonly services: OperatorServices;
  readonly deferrals: DeferralStore;
  readonly runArtifacts: RunArtifactStore;
  readonly newestRun: OperatorContext['newestRun'];
  readonly children: OperatorContext['children'];
  /** Default: the operators of this program. */
  readonly runOperator?: typeof runOperator | undefined;
  readonly artifactFile: (digest: string) => Promise<string>;
  /** Of the files that a program leaves. Default: 1 GiB a file, 4 GiB an attempt. */
  readonly artifactLimits?: ArtifactLimits | undefined;
  readonly cache?: TaskCache | undefined;
  readonly hints: Hints;
  readonly node: string;
  readonly capacity: Demand;
  /** Of what tasks share beyond machines. Default: none. */
  readonly limits?: Limits | undefined;
  readonly workdir: string;
  readonly root: string;
  readonly variables: Readonly<Record<string, string | undefined>>;
  readonly random: () => number;
  readonly report: (message: string, error?: unknown) => void;
  /** Where the environment names a cluster. */
  readonly kubernetes?: KubernetesRunner | undefined;
  /** What it did, for those who watch. */
  readonly watch?: WorkerWatch | undefined;
  /** Tasks at once, however little they ask for. Default 32. */
  readonly maxTasks?: number | undefined;
  /** From SIGTERM to SIGKILL. Default 10 s. */
  readonly killGraceMs?: number | undefined;
}
