/** What the orchestrator's operators need, from the services that have it. Each is made when the first task asks for it. */
import { arch, platform } from 'node:os';
import type { Features } from '../features/create-features.ts';
import { packageVersion } from '../lib/package.ts';
import type { Notifier } from '../notify/notifier.ts';
import type { OperatorServices } from '../orchestrator/services.ts';
import type { Registry } from '../registry/registry.ts';
import type { BatchPredictor } from '../serving/batch-prediction.ts';
import type { DeploymentParts } from '../serving/deployment.ts';
import type { ArtifactStore } from '../stores/artifacts.ts';
import type { OfflineStore } from '../stores/offline.ts';
import type { TaskRuns } from '../tracking/task-runs.ts';
import { predictBatch } from './batch-prediction.ts';
import { lazily } from './lazy.ts';

const LOOK_LIMIT_MS = 60_000;

export function operatorServices(parts: {
  readonly artifacts: () => Promise<ArtifactStore>;
  readonly runFiles: () => Promise<ArtifactStore>;
  readonly features: () => Promise<Features>;
  readonly offline: () => Promise<OfflineStore>;
  readonly registry: () => Promise<Registry>;
  readonly taskRuns: () => Promise<TaskRuns>;
  readonly notifier: () => Promise<Notifier>;
  readonly predictor: () => Promise<BatchPredictor>;
  readonly deployment: () => Promise<Omit<DeploymentParts, 'promote'>>;
}): OperatorServices {
  const training = lazily(async () => {
    const [{ createTraining }, { createOnnxRuntime }] = await Promise.all([
      import('../training/training.ts'),
      import('../serving/onnx-runtime.ts'),
    ]);
    const [artifacts, offline] = await Promise.all([parts.artifacts(), parts.offline()]);
    return createTraining({
      artifacts,
      runtime: createOnnxRuntime(),
      readDataset: async (artifact, columns) => offline.readColumns(await artifacts.localPath(artifact), columns),
    });
  });
  const registryOperators = lazily(async () => {
    const { createRegistryOperators } = await import('../registry/operators.ts');
    return createRegistryOperators(await parts.registry(), {
      mlops: packageVersion(),
      node: process.version,
      platform: `${platform()}-${arch()}`,
    });
  });
  return {
    ingest: async (source, context) => (await parts.features()).ingest(source, context),
    validate: async (task, context) => (await parts.features()).validate(task, context),
    query: async ({ query }, context) =>
      (await parts.features()).query({ query, pipeline: context.pipeline, task: context.task }, context),
    rows: async (request, context) =>
      (await parts.features()).rows({ ...request, pipeline: context.pipeline }, context),
    materialize: async (set, context, results) =>
      (await parts.features()).materialize(set, context, {
        results: results && { ...results, instant: BigInt(results.instant.getTime()) * 1000n },
      }),
    trainingDataset: async (task, context) =>
      (await parts.features()).trainingDataset(task, {
        signal: context.signal,
        log: context.log,
        progress: context.progress,
        by: `pipeline.${context.pipeline} run ${context.runId}`,
      }),
    readsOf: async (task, context) => (await parts.features()).readsOf(task, context),
    tableIsThere: async (location) => {
      const [table] = await (await parts.offline()).inspect([location], AbortSignal.timeout(LOOK_LIMIT_MS));
      return table?.state === 'whole';
    },
    train: async (request, context) =>
      (await parts.taskRuns()).training(context, request.params, async () =>
        (await training()).train(request, context),
      ),
    adoptTrained: async (request, context) =>
      (await parts.taskRuns()).training(context, request.hyperparameters, async () =>
        (await training()).adoptTrained(request, context),
      ),
    evaluate: async (request, context) =>
      (await parts.taskRuns()).evaluation(context, request.model, async () =>
        (await training()).evaluate(request, context),
      ),
    register: async (request, context) =>
      (await parts.taskRuns()).registration(context, request.trained, async (trackedRun) =>
        (await registryOperators()).register({ ...request, ...(trackedRun !== undefined && { trackedRun }) }, context),
      ),
    promote: async (request, context) => (await registryOperators()).promote(request, context),
    predictBatch: async (request, context) =>
      predictBatch(await parts.predictor(), await parts.features(), request, context),
    deploy: async (request, context) => {
      const { deploy } = await import('../serving/deployment.ts');
      const promote: DeploymentParts['promote'] = async (versionId, to) =>
        (await registryOperators()).promote(
          { versionId, to, reason: `run ${context.runId} of ${context.pipeline}` },
          context,
        );
      return deploy({ ...(await parts.deployment()), promote }, request, context);
    },
    notify: async ({ channel, title, text, severity, key }, { pipeline, runId, task }) =>
      (await parts.notifier()).send(
        channel,
        { title, text, severity, fields: [{ name: 'Run', value: runId }], data: { pipeline, task, run_id: runId } },
        { key, subject: `pipeline.${pipeline}`, runId },
      ),
    artifactFile: async (digest) => (await parts.artifacts()).localPath(digest),
    storeFile: async (path) => (await parts.runFiles()).putFile(path),
  };
}
