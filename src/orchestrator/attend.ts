/** What a worker does about one attempt that it holds: lets it run, and sees that its end is recorded. */
import type { Deferral } from '../stores/control/deferrals.ts';
import type { RunArtifact } from '../stores/control/run-artifacts.ts';
import type { AttemptEnd, LeaseKeeper, LeaseRef, RunDefinition } from '../stores/control/runs.ts';
import { runAttempt } from './attempt.ts';
import type { AttemptTools } from './attempt-state.ts';
import type { Ends } from './ends.ts';
import type { HeldAttempt } from './held-attempt.ts';
import { type InCluster, inCluster } from './in-cluster.ts';
import { specTask } from './items.ts';
import { runOperator } from './operators/operators.ts';
import type { ProcessRunnerOptions } from './runners/process-runner.ts';
import { DEFAULT_ARTIFACT_LIMITS } from './runners/task-artifacts.ts';
import { patiently } from './waiting.ts';
import type { WorkerOptions } from './worker-options.ts';

export interface AttendantOptions {
  /** An attempt is over for the worker. `look`: there may be something to claim by that. */
  readonly over: (held: HeldAttempt, look: boolean) => void;
  readonly worker: WorkerOptions;
  readonly ends: Ends;
  readonly keeper: () => LeaseKeeper | undefined;
  readonly killGraceMs: number;
}

/** Never rejects. */
export type Attendant = (held: HeldAttempt) => Promise<void>;

const SPECS_KEPT = 64;

export function createAttendant({ worker, ends, keeper, killGraceMs, over }: AttendantOptions): Attendant {
  const { runs, kubernetes, variables } = worker;
  const specs = new Map<string, RunDefinition>();
  const loading = new Map<string, Promise<RunDefinition | undefined>>();
  const tools: AttemptTools = {
    services: worker.services,
    outputsOf: (held, tasks) => patiently(() => runs.outputs(held.lease.runId, tasks), held.signal),
    runOperator: worker.runOperator ?? runOperator,
    processOf,
    keepArtifact: async (held, artifact) => {
      await patiently(() => worker.runArtifacts.add(held.lease, [artifact]), held.signal);
    },
    root: worker.root,
    waited: (held) => patiently(() => worker.deferrals.hasWaited(held.lease), held.signal),
    newestRun: worker.newestRun,
    children: worker.children,
    variables,
    random: worker.random,
    cache: worker.cache,
    abandonAfterMs: killGraceMs + 5_000,
  };

  async function attend(held: HeldAttempt): Promise<void> {
    const { lease } = held;
    let look = true;
    try {
      const run = specs.get(lease.runId) ?? (await patiently(() => specOf(lease.runId), held.signal));
      if (run !== undefined) {
        const begunAt = performance.now();
        const operator = specTask(run.spec, lease.task)?.operator ?? 'unknown';
        worker.watch?.started(lease, operator);
        const cluster = clusterOf(held, run);
        let outcome: AttemptEnd | Deferral | undefined;
        try {
          outcome = await runAttempt(held, run, tools, cluster);
        } finally {
          const settling = held.settled();
          if (settling !== undefined) await settling;
        }
        const end = outcome !== undefined && 'what' in outcome ? await defer(held, outcome) : outcome;
        if (end !== undefined) look = await ends.record(end, held);
        if (cluster !== undefined) await cluster.leave(end !== undefined);
        if (end !== undefined) worker.watch?.ended(lease, operator, end, (performance.now() - begunAt) / 1000);
      }
    } catch (error) {
      worker.report(
        `task ${lease.task} of run ${lease.runId} could not be ended in the store; its lease will expire`,
        error,
      );
    }
    over(held, look);
  }

  /** Where the run is being cancelled there is nothing to wait for: then it ends. */
  async function defer(held: HeldAttempt, waits: Deferral): Promise<AttemptEnd | undefined> {
    const deferred = await patiently(() => worker.deferrals.defer(held.lease, waits), held.signal);
    return deferred ? undefined : cancelledEnd(held.lease);
  }

  /** A run's pipeline and parameters never change. */
  function specOf(runId: string): Promise<RunDefinition | undefined> {
    const under = loading.get(runId);
    if (under !== undefined) return under;
    const load = runs
      .definition(runId)
      .then((definition) => {
        if (definition !== undefined) specs.set(runId, definition);
        const oldest = specs.size > SPECS_KEPT ? specs.keys().next().value : undefined;
        if (oldest !== undefined) specs.delete(oldest);
        return definition;
      })
      .finally(() => loading.delete(runId));
    loading.set(runId, load);
    return load;
  }

  function clusterOf(held: HeldAttempt, run: RunDefinition): InCluster | undefined {
    if (kubernetes === undefined) return undefined;
    const { lease, workerId, signal } = held;
    const cluster = inCluster({
      runs,
      runner: kubernetes,
      lease,
      workerId,
      task: specTask(run.spec, lease.task),
      progress: (told) => held.progress.tell(told),
      signal,
    });
    held.outside = cluster.where === 'kubernetes';
    return cluster;
  }

  function processOf(held: HeldAttempt): ProcessRunnerOptions {
    const { lease, signal } = held;
    return {
      workdir: worker.workdir,
      root: worker.root,
      artifactFile: worker.artifactFile,
      artifactsBefore: ({ runId, ancestors }) =>
        ancestors.length === 0
          ? Promise.resolve([])
          : patiently(() => worker.runArtifacts.list(runId, ancestors), signal),
      keepArtifacts: async (_, files) => {
        const kept: Omit<RunArtifact, 'task'>[] = [];
        for (const { path, file } of files) kept.push({ path, ...(await worker.services.storeFile(file)) });
        if (kept.length === 0) return;
        await patiently(() => worker.runArtifacts.add(lease, kept), signal);
        // The same content of an old run may have been removed just before this one's was recorded.
        for (const [index, { digest }] of kept.entries()) {
          const file = files[index]?.file;
          if (file !== undefined && (await worker.cache?.isThere(digest)) === false)
            await worker.services.storeFile(file);
        }
      },
      artifactLimits: worker.artifactLimits ?? DEFAULT_ARTIFACT_LIMITS,
      variables,
      killGraceMs,
      recordProcess: (_, started) => patiently(() => runs.recordProcess(lease, started), signal),
      onGroup: (_, group) => keeper()?.track(lease, group),
    };
  }

  return attend;
}

function cancelledEnd({ runId, task, attempt }: LeaseRef): AttemptEnd {
  const end = { exitCode: null, error: 'cancelled', outputs: null, data: {}, usage: null, retryInMs: null };
  return { runId, task, attempt, status: 'cancelled', counts: 'nothing', ...end };
}
