/** A server of the Open Inference Protocol over versions in memory. */
import { createMetrics } from '../../src/api/metrics.ts';
import { inferenceRoutes } from '../../src/api/routes/inference.ts';
import { createApiServer } from '../../src/api/server.ts';
import { createOnnxRuntime } from '../../src/serving/onnx-runtime.ts';
import { createLoadedVersions, type LoadedVersions } from '../../src/serving/runtime/loaded-versions.ts';
import { createModelRepository, type ModelRepository } from '../../src/serving/runtime/model-repository.ts';
import type { ModelVersion, Stage } from '../../src/stores/control/registry.ts';
import { memoryArtifacts } from './memory-artifacts.ts';
import { memoryIdempotency } from './memory-idempotency.ts';
import { memoryCatalog, newVersion } from './models.ts';

export interface InferenceRig {
  readonly url: string;
  readonly versions: LoadedVersions;
  readonly repository: ModelRepository;
  readonly errors: readonly unknown[];
  register(name: string, content: Uint8Array | Promise<Uint8Array>): Promise<ModelVersion>;
  move(name: string, version: number, to: Stage): void;
  close(): Promise<void>;
}

export async function inferenceRig(
  options: { readonly apiKeys?: Readonly<Record<string, string>>; readonly budgetBytes?: number } = {},
): Promise<InferenceRig> {
  const artifacts = await memoryArtifacts();
  const stored: ModelVersion[] = [];
  const listeners = new Set<() => void>();
  const of = (name: string): ModelVersion[] => stored.filter((version) => version.name === name);
  const registry = {
    version: async (name: string, number: number) => of(name).find(({ version }) => version === number),
    atStage: async (name: string, stage: Stage) => of(name).findLast((version) => version.stage === stage),
    search: async ({ name, limit }: { readonly name?: string; readonly limit: number }) => ({
      items: of(name ?? '')
        .reverse()
        .slice(0, limit),
      nextCursor: null,
    }),
    models: async () =>
      [...new Set(stored.map(({ name }) => name))].map((name) => ({
        name,
        versions: of(name).length,
        latest: of(name).length,
      })),
    onMove: async (listener: () => void) => {
      listeners.add(listener);
      return async () => void listeners.delete(listener);
    },
  };
  const versions = createLoadedVersions({
    registry,
    artifacts,
    catalog: memoryCatalog(),
    runtime: createOnnxRuntime(),
    budgetBytes: options.budgetBytes,
    nativeBytes: () => 0,
  });
  const repository = createModelRepository({ registry, versions });
  await repository.start();
  const errors: unknown[] = [];
  const server = await createApiServer({
    routes: inferenceRoutes({ repository, readiness: async () => ({ daemon: null }), version: '1.2.3' }),
    apiKeys: new Map(Object.entries(options.apiKeys ?? {})),
    idempotency: memoryIdempotency(),
    metrics: createMetrics(),
    onError: (error) => errors.push(error),
  });
  return {
    url: `http://127.0.0.1:${await server.listen(0, '127.0.0.1')}`,
    versions,
    repository,
    errors,
    register: async (name, content) => {
      const bytes = await content;
      const { digest } = await artifacts.put(bytes);
      const now = new Date(0);
      const version: ModelVersion = {
        ...newVersion({ name, artifacts: [{ path: 'model.onnx', digest, bytes: bytes.length, uri: null }] }),
        id: `${name}-${of(name).length + 1}`,
        version: of(name).length + 1,
        stage: 'development',
        createdAt: now,
        createdBy: 'ada',
        stageChangedAt: now,
        updatedAt: now,
        runId: null,
        flavour: null,
        source: null,
        aliases: [],
      };
      stored.push(version);
      return version;
    },
    move: (name, number, to) => {
      const at = stored.findIndex((one) => one.name === name && one.version === number);
      stored[at] = { ...stored[at]!, stage: to };
      for (const listener of listeners) listener();
    },
    close: async () => {
      await server.close(1000);
      await repository.close();
      await versions.close();
      await artifacts.remove();
    },
  };
}
