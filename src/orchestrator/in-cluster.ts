/** An attempt in a cluster as its worker sees it: what is recorded of its Job, and what it hands on when it goes. */
import type { CanonicalTask } from '../spec/canonical-specs.ts';
import { type Where, whereOf } from '../spec/where-tasks-run.ts';
import type { AdoptedLease, ExternalJob } from '../stores/control/external-work.ts';
import type { Lease, RunStore, TaskProgress } from '../stores/control/runs.ts';
import { AttemptStopped } from './attempt-stopped.ts';
import type { ClusterAttempt } from './runners/kubernetes/cluster-attempt.ts';
import type { KubernetesRunner } from './runners/kubernetes/kubernetes-runner.ts';
import type { ProcessAttempt, ProcessResult, ProcessTask } from './runners/process-runner.ts';
import { patiently } from './waiting.ts';

export interface InCluster {
  readonly where: Where;
  run<T>(
    program: ProcessTask,
    attempt: ProcessAttempt & Pick<ClusterAttempt, 'spec' | 'deadlineInMs'>,
    begun: (elapsedMs: number) => void,
    use: (result: ProcessResult) => Promise<T>,
  ): Promise<T>;
  /** Once the attempt is over for this worker: what it left is removed, or handed on. */
  leave(recorded: boolean): Promise<void>;
}

export interface InClusterOptions {
  readonly runs: Pick<RunStore, 'recordExternal' | 'handOver'>;
  readonly runner: KubernetesRunner;
  readonly lease: Lease | AdoptedLease;
  readonly workerId: string;
  readonly task: CanonicalTask | undefined;
  readonly progress: (progress: TaskProgress) => void;
  readonly signal: AbortSignal;
}

export function inCluster(options: InClusterOptions): InCluster {
  const { runs, runner, lease, workerId, task, signal } = options;
  const adopted = 'job' in lease ? lease : undefined;
  let job: ExternalJob | undefined = adopted?.job;
  let told = '';
  let begun_ = false;
  return {
    // A Job that is there is seen to its end, whatever the environment says by now.
    where:
      adopted !== undefined
        ? 'kubernetes'
        : task === undefined || findsItems(task, lease)
          ? 'daemon'
          : whereOf(task, true),
    run: (program, attempt, begun, use) =>
      runner.run(
        program,
        {
          ...attempt,
          adopted,
          recordJob: async (next) => {
            job = next;
            return patiently(() => runs.recordExternal(lease, workerId, next), signal);
          },
          onStarted: (elapsedMs) => {
            if (!begun_) begun(elapsedMs);
            begun_ = true;
          },
          onWaiting: (what) => {
            options.progress({ what, done: 0, total: null, etaSeconds: null });
            if (what !== told) attempt.taskLog.write('system', `[${what}]\n`);
            told = what;
          },
          isLeftRunning: () => signal.aborted && signal.reason instanceof AttemptStopped && goesOn(signal.reason),
        },
        use,
      ),
    leave: async (recorded) => {
      if (job === undefined) return;
      if (recorded) await runner.forget(job, lease);
      else if (signal.aborted && signal.reason instanceof AttemptStopped && signal.reason.reason === 'stopped')
        await runs.handOver(lease, workerId);
    },
  };
}

/** Of a task that runs once for each item: which items there are is found here, and what they run goes to the cluster. */
function findsItems(task: CanonicalTask, { item }: Lease): boolean {
  return task.forEach !== undefined && item === undefined;
}

function goesOn({ reason }: AttemptStopped): boolean {
  return reason === 'lost' || reason === 'stopped';
}
